import { createHash } from "node:crypto";

/** SHA-256 of a label and, for each part, 00 if absent, else 01, its length as u64 LE and its UTF-8. */
export function namespaceRoot(
  label: string | Uint8Array,
  parts: readonly (string | undefined)[],
): Buffer {
  const hash = createHash("sha256").update(label);
  for (const part of parts) {
    if (part === undefined) {
      hash.update(Buffer.from([0]));
      continue;
    }
    const bytes = Buffer.from(part);
    const head = Buffer.alloc(9, 1);
    head.writeBigUInt64LE(BigInt(bytes.length), 1);
    hash.update(head).update(bytes);
  }
  return hash.digest();
}
