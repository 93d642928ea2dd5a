// What a frame's header and a segment's footer say about one thing that happened to one key:
//
//    0  kind             u8    value, remove, attributes, clear
//    1  keyspace         u8
//    2  key length       u16
//    4  flags            u32   1: pinned
//    8  version          f64   grows with each change; the highest of a key is the one that holds
//   16  expires at       f64   ms since 1970, 0 never
//   24  value length     u32
//   28  value position   u32   in bytes: from the frame's begin in a frame, from the file's in a footer
//   32  value checksum   u64   XXH64, seed 0
//   40  key, padded with zeros to a multiple of 8

export const RECORD_BYTES = 40;

export const recordKind = {
  /** The key has this value. */
  value: 1,
  /** The key is gone. */
  remove: 2,
  /** The key's value has another expiry, or is pinned or not. */
  attributes: 3,
  /** All keys of a keyspace are gone; of all keyspaces when it has a key (one byte, of no meaning). */
  clear: 4,
} as const;

export const recordFlag = { pinned: 1 } as const;

/** One record, read or to be written. A single object is used for a whole walk. */
export interface RecordFields {
  kind: number;
  keyspace: number;
  flags: number;
  version: number;
  expiresAt: number;
  valueLength: number;
  position: number;
  checksum: bigint;
  /** Where the key lies: a range of the bytes that the record was read from. */
  keyStart: number;
  keyEnd: number;
}

export function newRecord(): RecordFields {
  return {
    kind: 0,
    keyspace: 0,
    flags: 0,
    version: 0,
    expiresAt: 0,
    valueLength: 0,
    position: 0,
    checksum: 0n,
    keyStart: 0,
    keyEnd: 0,
  };
}

/** Bytes of a record with a key of this length. */
export function recordBytes(keyLength: number): number {
  return RECORD_BYTES + ((keyLength + 7) & ~7);
}

/** Writes a record at `at` and returns where the next one goes. */
export function writeRecord(
  to: Buffer,
  at: number,
  record: Omit<RecordFields, "keyStart" | "keyEnd">,
  key: Uint8Array,
): number {
  to[at] = record.kind;
  to[at + 1] = record.keyspace;
  to.writeUInt16LE(key.length, at + 2);
  to.writeUInt32LE(record.flags, at + 4);
  to.writeDoubleLE(record.version, at + 8);
  to.writeDoubleLE(record.expiresAt, at + 16);
  to.writeUInt32LE(record.valueLength, at + 24);
  to.writeUInt32LE(record.position, at + 28);
  to.writeBigUInt64LE(record.checksum, at + 32);
  to.set(key, at + RECORD_BYTES);
  const end = at + recordBytes(key.length);
  to.fill(0, at + RECORD_BYTES + key.length, end);
  return end;
}

/** Reads the record at `at` of `from[0, end)`. Returns where the next one is, or 0: it is none. */
export function readRecord(from: Buffer, at: number, end: number, record: RecordFields): number {
  if (at + RECORD_BYTES > end) return 0;
  const keyLength = from.readUInt16LE(at + 2);
  const next = at + recordBytes(keyLength);
  if (next > end) return 0;
  record.kind = from[at];
  record.keyspace = from[at + 1];
  record.flags = from.readUInt32LE(at + 4);
  record.version = from.readDoubleLE(at + 8);
  record.expiresAt = from.readDoubleLE(at + 16);
  record.valueLength = from.readUInt32LE(at + 24);
  record.position = from.readUInt32LE(at + 28);
  record.checksum = from.readBigUInt64LE(at + 32);
  record.keyStart = at + RECORD_BYTES;
  record.keyEnd = record.keyStart + keyLength;
  return next;
}
