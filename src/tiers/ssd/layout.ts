// A segment file, in pages of 4 KiB (all numbers little endian):
//
//   page 0      header   "KWSEG001", store id, generation, segment bytes, when it was begun, CRC32
//   page 1 …    frames, one after the other (frame.ts)
//               footer   what the frames hold, written when the segment is full (footer.ts)
//   last page   trailer  "KWTRAIL1", store id, generation, where the footer is, CRC32
//
// Files are used over and over: the generation, which grows with each use, tells what belongs to the
// present one. The store id is random, so that bytes of another store are never taken for ours.

import { crc32 } from "node:zlib";

export const PAGE_BYTES = 4096;

export const STORE_ID_BYTES = 8;

const HEADER_MAGIC = Buffer.from("KWSEG001");
const TRAILER_MAGIC = Buffer.from("KWTRAIL1");
const HEADER_CRC_AT = 40;
const TRAILER_CRC_AT = 48;

export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

export interface SegmentHeader {
  readonly storeId: Buffer;
  readonly generation: number;
  readonly segmentBytes: number;
  /** ms since 1970. */
  readonly openedAt: number;
}

/** Writes the header into a page of its own. */
export function writeSegmentHeader(page: Buffer, header: SegmentHeader): void {
  page.fill(0, 0, PAGE_BYTES);
  HEADER_MAGIC.copy(page);
  header.storeId.copy(page, 8);
  page.writeDoubleLE(header.generation, 16);
  page.writeDoubleLE(header.segmentBytes, 24);
  page.writeDoubleLE(header.openedAt, 32);
  page.writeUInt32LE(crc32(page.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
}

/** The header in `page`, or `undefined` when it is none, damaged, or another store's. */
export function readSegmentHeader(page: Buffer, storeId: Buffer): SegmentHeader | undefined {
  if (!page.subarray(0, 8).equals(HEADER_MAGIC)) return undefined;
  if (page.readUInt32LE(HEADER_CRC_AT) !== crc32(page.subarray(0, HEADER_CRC_AT))) return undefined;
  if (!page.subarray(8, 16).equals(storeId)) return undefined;
  return {
    storeId,
    generation: page.readDoubleLE(16),
    segmentBytes: page.readDoubleLE(24),
    openedAt: page.readDoubleLE(32),
  };
}

export interface SegmentTrailer {
  readonly generation: number;
  readonly footerPage: number;
  readonly footerBytes: number;
  readonly records: number;
  readonly footerCrc: number;
}

export function writeSegmentTrailer(page: Buffer, storeId: Buffer, trailer: SegmentTrailer): void {
  page.fill(0, 0, PAGE_BYTES);
  TRAILER_MAGIC.copy(page);
  storeId.copy(page, 8);
  page.writeDoubleLE(trailer.generation, 16);
  page.writeDoubleLE(trailer.footerBytes, 24);
  page.writeUInt32LE(trailer.footerPage, 32);
  page.writeUInt32LE(trailer.records, 36);
  page.writeUInt32LE(trailer.footerCrc, 40);
  page.writeUInt32LE(crc32(page.subarray(0, TRAILER_CRC_AT)), TRAILER_CRC_AT);
}

/** The trailer of this generation in `page`, or `undefined`. */
export function readSegmentTrailer(
  page: Buffer,
  storeId: Buffer,
  generation: number,
): SegmentTrailer | undefined {
  if (!page.subarray(0, 8).equals(TRAILER_MAGIC)) return undefined;
  if (page.readUInt32LE(TRAILER_CRC_AT) !== crc32(page.subarray(0, TRAILER_CRC_AT)))
    return undefined;
  if (!page.subarray(8, 16).equals(storeId) || page.readDoubleLE(16) !== generation)
    return undefined;
  return {
    generation,
    footerBytes: page.readDoubleLE(24),
    footerPage: page.readUInt32LE(32),
    records: page.readUInt32LE(36),
    footerCrc: page.readUInt32LE(40),
  };
}
