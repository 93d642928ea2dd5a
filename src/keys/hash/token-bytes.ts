import { endianness } from "node:os";

const native = endianness();

/** Writes tokens as 32-bit integers in the given byte order. */
export function writeTokens(
  target: Buffer,
  at: number,
  tokens: Uint32Array,
  from: number,
  to: number,
  order: "LE" | "BE",
): number {
  const bytes = new Uint8Array(tokens.buffer, tokens.byteOffset + from * 4, (to - from) * 4);
  target.set(bytes, at);
  const end = at + bytes.length;
  if (order !== native) target.subarray(at, end).swap32();
  return end;
}
