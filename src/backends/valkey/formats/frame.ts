import { crc32 } from "node:zlib";

// A block in our own format:
//
//   0  "KWBK"           4  version, 1       5  reserved, 0      6  u16 length of the key
//   8  u32 CRC-32 of everything but itself  12  reserved, 0     16  u64 length of the value
//  24  the key          then the value                          all numbers little-endian

const magic = Buffer.from("KWBK");
const version = 1;
const headerBytes = 24;
const checksumAt = 8;

/** Bytes before the value of a block under `key`. */
export function frameBytes(key: Uint8Array): number {
  return headerBytes + key.length;
}

/** What stands before the value whose `parts` follow each other. */
export function frameOf(key: Uint8Array, parts: readonly Uint8Array[]): Buffer {
  const frame = Buffer.alloc(frameBytes(key));
  magic.copy(frame);
  frame[4] = version;
  frame.writeUInt16LE(key.length, 6);
  frame.writeBigUInt64LE(BigInt(parts.reduce((sum, part) => sum + part.length, 0)), 16);
  frame.set(key, headerBytes);
  frame.writeUInt32LE(checksum(frame, parts), checksumAt);
  return frame;
}

/** Whether these are bytes of ours, whole or not. */
export function isFrame(framed: Buffer): boolean {
  return framed.subarray(0, 4).equals(magic);
}

/** The value in a framed block, in place; nothing when it is not whole or not that of `key`. */
export function openFrame(key: Uint8Array, framed: Buffer): Buffer | undefined {
  const begin = frameBytes(key);
  if (framed.length < begin || !isFrame(framed)) return undefined;
  const value = framed.subarray(begin);
  const sound =
    framed[4] === version &&
    framed.readUInt16LE(6) === key.length &&
    framed.readBigUInt64LE(16) === BigInt(value.length) &&
    framed.subarray(headerBytes, begin).equals(key) &&
    framed.readUInt32LE(checksumAt) === checksum(framed.subarray(0, begin), [value]);
  return sound ? value : undefined;
}

function checksum(frame: Buffer, parts: readonly Uint8Array[]): number {
  let sum = crc32(frame.subarray(0, checksumAt));
  sum = crc32(frame.subarray(checksumAt + 4), sum);
  // zlib takes empty memory without an address for "begin anew".
  for (const part of parts) if (part.length > 0) sum = crc32(part, sum);
  return sum;
}
