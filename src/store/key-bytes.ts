import { type Key, MAX_KEY_BYTES } from "./contract.ts";

/** The key's bytes. Throws `TypeError` for one that is empty or longer than 1 KiB. */
export function keyBytes(key: Key): Uint8Array {
  const bytes = typeof key === "string" ? Buffer.from(key) : key;
  if (bytes.length === 0 || bytes.length > MAX_KEY_BYTES)
    throw new TypeError(`a key has 1 to ${MAX_KEY_BYTES} bytes, this one has ${bytes.length}`);
  return bytes;
}
