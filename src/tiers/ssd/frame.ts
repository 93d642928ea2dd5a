// A frame is what one write puts on the disk: some records, and the values of those that have one.
//
//    0  magic            u32   "KWF1"
//    4  header pages     u16
//    6  records          u16
//    8  generation       f64   of the segment
//   16  pages            u32   of the whole frame
//   20  CRC32            u32   of the header's pages, this field taken as zero
//   24  store id         8 bytes
//   32  records (record.ts)
//   then, on pages of their own, small values side by side, then the page images of big ones

import { crc32 } from "node:zlib";
import { PAGE_BYTES, STORE_ID_BYTES } from "./layout.ts";
import { type RecordFields, readRecord } from "./record.ts";

const MAGIC = 0x3146574b;
const CRC_AT = 20;
const STORE_ID_AT = 24;
export const FRAME_HEADER_BYTES: number = STORE_ID_AT + STORE_ID_BYTES;
export const MAX_FRAME_RECORDS = 1024;

export interface FrameHeader {
  readonly headerPages: number;
  readonly records: number;
  readonly generation: number;
  readonly pages: number;
}

/** Completes a header whose records are written already. */
export function sealFrameHeader(pages: Buffer, storeId: Buffer, header: FrameHeader): void {
  pages.writeUInt32LE(MAGIC, 0);
  pages.writeUInt16LE(header.headerPages, 4);
  pages.writeUInt16LE(header.records, 6);
  pages.writeDoubleLE(header.generation, 8);
  pages.writeUInt32LE(header.pages, 16);
  pages.writeUInt32LE(0, CRC_AT);
  storeId.copy(pages, STORE_ID_AT);
  pages.writeUInt32LE(crc32(pages.subarray(0, header.headerPages * PAGE_BYTES)), CRC_AT);
}

/**
 * What the first page of a frame says, not yet proven by its CRC; `undefined` when no frame of this
 * store and generation begins there.
 */
export function peekFrameHeader(
  page: Buffer,
  storeId: Buffer,
  generation: number,
): FrameHeader | undefined {
  if (page.readUInt32LE(0) !== MAGIC || page.readDoubleLE(8) !== generation) return undefined;
  if (!page.subarray(STORE_ID_AT, FRAME_HEADER_BYTES).equals(storeId)) return undefined;
  const header = {
    headerPages: page.readUInt16LE(4),
    records: page.readUInt16LE(6),
    generation,
    pages: page.readUInt32LE(16),
  };
  return header.headerPages > 0 && header.pages >= header.headerPages ? header : undefined;
}

/** Whether the header's pages are whole. Changes nothing in the end. */
export function isFrameHeaderWhole(pages: Buffer): boolean {
  const stored = pages.readUInt32LE(CRC_AT);
  pages.writeUInt32LE(0, CRC_AT);
  const whole = crc32(pages) === stored;
  pages.writeUInt32LE(stored, CRC_AT);
  return whole;
}

/** Calls `visit` with each record of a frame's header; its positions count from the frame's begin. */
export function forEachFrameRecord(
  pages: Buffer,
  { records, headerPages }: FrameHeader,
  record: RecordFields,
  visit: (record: RecordFields) => void,
): void {
  let at = FRAME_HEADER_BYTES;
  for (let left = records; left > 0; left--) {
    at = readRecord(pages, at, headerPages * PAGE_BYTES, record);
    if (at === 0) return;
    visit(record);
  }
}
