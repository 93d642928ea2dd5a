/**
 * 32-bit hash of `bytes[start, end)` in the given keyspace (murmur3's mixing, four bytes a step).
 * The seed differs from process to process, so that a client cannot aim at one bucket.
 */
export function hashKey(
  bytes: Uint8Array,
  start: number,
  end: number,
  keyspace: number,
  seed: number,
): number {
  let hash = seed ^ keyspace;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    hash = mix(hash, word);
  }
  let tail = 0;
  for (let shift = 0; at < end; at++, shift += 8) tail |= bytes[at] << shift;
  hash = mix(hash, tail) ^ (end - start);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const mixed = hash ^ Math.imul(k, 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
