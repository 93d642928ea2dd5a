const HEADER_BYTES = 16;

/**
 * A value that tells what it is: its key's number, its own number and its length, and behind that bytes
 * that follow from them, so that any mixture of two values and any wrong byte is noticed.
 */
export function markedValue(key: number, sequence: number, length: number): Buffer {
  const value = Buffer.allocUnsafe(length);
  const words = new Uint32Array(Math.ceil(length / 4));
  words[0] = key;
  words[1] = sequence;
  words[2] = length;
  words[3] = 0x4b56_4b57;
  let state = Math.imul(key + 1, 0x9e37_79b1) ^ Math.imul(sequence + 1, 0x85eb_ca6b) ^ length;
  for (let at = HEADER_BYTES / 4; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  value.set(new Uint8Array(words.buffer, 0, length));
  return value;
}

export interface Mark {
  readonly key: number;
  readonly sequence: number;
}

/** Which value this is; throws, and says where, when it is none that {@link markedValue} made. */
export function markOf(value: Uint8Array): Mark {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(12) !== 0x4b56_4b57)
    throw new Error(
      `not a marked value: ${bytes.length} bytes that begin ${bytes.subarray(0, 16).toString("hex")}`,
    );
  const key = bytes.readUInt32LE(0);
  const sequence = bytes.readUInt32LE(4);
  const expected = markedValue(key, sequence, bytes.readUInt32LE(8));
  if (expected.equals(bytes)) return { key, sequence };
  let first = 0;
  while (first < expected.length && expected[first] === bytes[first]) first++;
  let last = bytes.length - 1;
  while (last > first && expected[last] === bytes[last]) last--;
  throw new Error(
    `key ${key}, value ${sequence}: ${bytes.length} bytes of ${expected.length}, wrong from ${first} to ${last}`,
  );
}
