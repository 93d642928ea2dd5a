// An archive of blocks: what `keepwarm ssd export` writes and `import` reads, of any version of the
// data directory (all numbers little endian):
//
//    0  magic            8 bytes   "KWBLOCKS"
//    8  version          u32       1
//   12  CRC32            u32       of the 12 bytes before
//   16  entries, each
//         0  kind            u8    1 block, 2 end
//         1  keyspace        u8
//         2  key length      u16
//         4  flags           u32   1: pinned
//         8  expires at      f64   ms since 1970, 0 never
//        16  value length    f64   of an end: how many blocks came before
//        24  value checksum  u64   XXH64, seed 0; of an end: 0
//        32  CRC32           u32   of the 32 bytes before and the key
//        36  key, then the value
//
// The oldest blocks come first. Without an end the archive was cut off.

import { crc32 } from "node:zlib";

export const ARCHIVE_VERSION = 1;
export const ARCHIVE_HEADER_BYTES = 16;
export const ENTRY_BYTES = 36;

const MAGIC = Buffer.from("KWBLOCKS");
const CRC_AT = 32;

export const entryKind = { block: 1, end: 2 } as const;

/** One entry of an archive, without its value. */
export interface ArchiveEntry {
  readonly kind: number;
  readonly keyspace: number;
  readonly key: Buffer;
  readonly isPinned: boolean;
  readonly expiresAt: number;
  /** Bytes of the value; of an end, how many blocks came before. */
  readonly length: number;
  readonly checksum: bigint;
}

export function archiveHeader(): Buffer {
  const header = Buffer.alloc(ARCHIVE_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(ARCHIVE_VERSION, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

/** The version of the archive that begins so, or `undefined`: it is none. */
export function archiveVersion(header: Buffer): number | undefined {
  const isOne =
    header.length === ARCHIVE_HEADER_BYTES &&
    header.subarray(0, 8).equals(MAGIC) &&
    header.readUInt32LE(12) === crc32(header.subarray(0, 12));
  return isOne ? header.readUInt32LE(8) : undefined;
}

/** The entry's bytes up to its value. */
export function encodeEntry(entry: ArchiveEntry): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES + entry.key.length);
  bytes[0] = entry.kind;
  bytes[1] = entry.keyspace;
  bytes.writeUInt16LE(entry.key.length, 2);
  bytes.writeUInt32LE(entry.isPinned ? 1 : 0, 4);
  bytes.writeDoubleLE(entry.expiresAt, 8);
  bytes.writeDoubleLE(entry.length, 16);
  bytes.writeBigUInt64LE(entry.checksum, 24);
  bytes.writeUInt32LE(entryCrc(bytes, entry.key), CRC_AT);
  entry.key.copy(bytes, ENTRY_BYTES);
  return bytes;
}

export function endEntry(blocks: number): Buffer {
  return encodeEntry({
    kind: entryKind.end,
    keyspace: 0,
    key: Buffer.alloc(0),
    isPinned: false,
    expiresAt: 0,
    length: blocks,
    checksum: 0n,
  });
}

/** Bytes of the key behind an entry's fixed part. */
export function entryKeyLength(fixed: Buffer): number {
  return fixed.readUInt16LE(2);
}

/** The entry, or `undefined` when it is damaged. */
export function decodeEntry(fixed: Buffer, key: Buffer): ArchiveEntry | undefined {
  if (fixed.readUInt32LE(CRC_AT) !== entryCrc(fixed, key)) return undefined;
  return {
    kind: fixed[0],
    keyspace: fixed[1],
    key,
    isPinned: (fixed.readUInt32LE(4) & 1) !== 0,
    expiresAt: fixed.readDoubleLE(8),
    length: fixed.readDoubleLE(16),
    checksum: fixed.readBigUInt64LE(24),
  };
}

function entryCrc(fixed: Buffer, key: Buffer): number {
  const crc = crc32(fixed.subarray(0, CRC_AT));
  // Of no bytes at all zlib answers the CRC of nothing, whatever came before.
  return key.length === 0 ? crc : crc32(key, crc);
}
