// LMCache's Redis connectors store a chunk under two keys that make sense only together
// (redis://: "<key>kv_bytes" + "<key>metadata"; older valkey://: "<key>:kv_bytes" + "<key>:metadata",
// in a cluster "{<key>}:kv_bytes" + "{<key>}:metadata"). Both endings have eight bytes.

const ENDING_BYTES = 8;
const KV_BYTES = Buffer.from("kv_bytes");
const METADATA = Buffer.from("metadata");
const S = 0x73;
const A = 0x61;

/** Whether `key[start, end)` is one half of a pair. */
export function isPairKey(key: Uint8Array, start: number, end: number): boolean {
  return pairEnding(key, start, end) !== undefined;
}

/** The key of the other half, or `undefined` when the key is not one of a pair. */
export function partnerKey(key: Uint8Array, start: number, end: number): Buffer | undefined {
  const ending = pairEnding(key, start, end);
  if (ending === undefined) return undefined;
  const partner = Buffer.from(key.subarray(start, end));
  (ending === KV_BYTES ? METADATA : KV_BYTES).copy(partner, partner.length - ENDING_BYTES);
  return partner;
}

function pairEnding(key: Uint8Array, start: number, end: number): Buffer | undefined {
  if (end - start <= ENDING_BYTES) return undefined;
  const last = key[end - 1];
  const ending = last === S ? KV_BYTES : last === A ? METADATA : undefined;
  if (ending === undefined) return undefined;
  const from = end - ENDING_BYTES;
  for (let i = 0; i < ENDING_BYTES; i++) if (key[from + i] !== ending[i]) return undefined;
  return ending;
}
