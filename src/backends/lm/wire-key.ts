import { createHash } from "node:crypto";
import { KEY_FIELD_BYTES } from "../../wire/lm/header.ts";

/** Keys as LMCache 0.3.9 and later writes them, of chunks and of single layers. */
const LMCACHE_KEY =
  /^[^@\s]+@\d+@\d+@-?[\da-f]+@(half|bfloat16|float|double|u?int8|int16|int32|int64|bool|fp8_\w+)(@\d+)?(@[^@%\s]+%[^@\s]*)*$/;
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * The key by which a server knows a block. LMCache's own keys stay as they are, so that its clients find
 * the block. Others, which `lmcache_server` would hang up on, are hashed into one that it can read:
 * `keepwarm@1@0@<SHA-256>@uint8`.
 */
export function wireKey(key: Uint8Array, keyspace: number): Buffer {
  if (keyspace === 0 && key.length <= KEY_FIELD_BYTES) {
    const text = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
    if (PRINTABLE.test(text) && LMCACHE_KEY.test(text) && !text.startsWith("keepwarm@"))
      return Buffer.from(text, "latin1");
  }
  const hash = createHash("sha256").update(Uint8Array.of(keyspace)).update(key).digest("hex");
  return Buffer.from(`keepwarm@1@0@${hash}@uint8`);
}
