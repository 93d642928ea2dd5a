import { crc32 } from "node:zlib";
import { checksumOf } from "./checksum.ts";
import {
  type FrameHeader,
  forEachFrameRecord,
  isFrameHeaderWhole,
  peekFrameHeader,
} from "./frame.ts";
import {
  PAGE_BYTES,
  pagesFor,
  type SegmentHeader,
  readSegmentHeader,
  readSegmentTrailer,
} from "./layout.ts";
import { RECORD_BYTES, type RecordFields, newRecord, readRecord, recordKind } from "./record.ts";
import type { Segment } from "./segment.ts";
import type { Staging } from "./staging.ts";

/** Bytes read at a time. */
const CHUNK_PAGES = 256;

/** What was found of a segment on the disk. */
export interface SegmentContents {
  readonly generation: number;
  /** Records in the order in which they were written, positions from the begin of the file. */
  readonly records: Buffer;
  readonly count: number;
  /** Where the last whole frame ends. */
  readonly end: number;
  /** Whether this came from a footer; if not, the frames were looked at. */
  readonly fromFooter: boolean;
  /** Values that were found damaged while the frames were looked at. */
  readonly damaged: number;
}

/** Reads what segments say about themselves. */
export class SegmentReader {
  readonly #staging: Staging;
  readonly #storeId: Buffer;

  constructor(staging: Staging, storeId: Buffer) {
    this.#staging = staging;
    this.#storeId = storeId;
  }

  /** The segment's header, or `undefined` when it holds nothing of this store. */
  async headerOf(segment: Segment): Promise<SegmentHeader | undefined> {
    const run = await this.#staging.take(1);
    try {
      await segment.file.read(run.memory, 0);
      return readSegmentHeader(run.memory, this.#storeId);
    } finally {
      run.release();
    }
  }

  /** The segment's footer, or `undefined` when it has none or a damaged one. */
  async footerOf(segment: Segment, generation: number): Promise<SegmentContents | undefined> {
    const run = await this.#staging.take(CHUNK_PAGES);
    try {
      const page = run.memory.subarray(0, PAGE_BYTES);
      await segment.file.read(page, segment.bytes - PAGE_BYTES);
      const trailer = readSegmentTrailer(page, this.#storeId, generation);
      if (trailer === undefined) return undefined;
      const start = trailer.footerPage * PAGE_BYTES;
      if (start + trailer.footerBytes > segment.bytes) return undefined;
      const records = Buffer.allocUnsafeSlow(trailer.footerBytes);
      for (let from = 0; from < records.length; from += run.memory.length) {
        const bytes = Math.min(run.memory.length, records.length - from);
        const pages = run.memory.subarray(0, pagesFor(bytes) * PAGE_BYTES);
        await segment.file.read(pages, start + from);
        pages.copy(records, from, 0, bytes);
      }
      if (crc32(records) !== trailer.footerCrc) return undefined;
      const end = start;
      return { generation, records, count: trailer.records, end, fromFooter: true, damaged: 0 };
    } finally {
      run.release();
    }
  }

  /**
   * Goes through the segment's frames up to the first that is not whole.
   * @param verify - also reads the values and leaves out those that are damaged: for the segment that
   * was written to when the process ended.
   */
  async scan(segment: Segment, generation: number, verify: boolean): Promise<SegmentContents> {
    const parts: Buffer[] = [];
    const record = newRecord();
    let count = 0;
    let damaged = 0;
    let position = PAGE_BYTES;
    for (;;) {
      const frame = await this.#headerAt(segment, generation, position);
      if (frame === undefined) break;
      const bad = verify
        ? await this.#damagedIn(segment, position, frame.header, frame.pages)
        : undefined;
      forEachFrameRecord(frame.pages, frame.header, record, (fields) => {
        if (bad?.has(fields.position) === true) {
          damaged++;
          return;
        }
        const bytes = Buffer.from(
          frame.pages.subarray(fields.keyStart - RECORD_BYTES, (fields.keyEnd + 7) & ~7),
        );
        if (fields.kind === recordKind.value) bytes.writeUInt32LE(position + fields.position, 28);
        parts.push(bytes);
        count++;
      });
      position += frame.header.pages * PAGE_BYTES;
    }
    const records = Buffer.concat(parts);
    return { generation, records, count, end: position, fromFooter: false, damaged };
  }

  async #headerAt(
    segment: Segment,
    generation: number,
    position: number,
  ): Promise<{ header: FrameHeader; pages: Buffer } | undefined> {
    if (position + PAGE_BYTES > segment.bytes) return undefined;
    const run = await this.#staging.take(1);
    let header: FrameHeader | undefined;
    try {
      await segment.file.read(run.memory, position);
      header = peekFrameHeader(run.memory, this.#storeId, generation);
      if (header === undefined || position + header.pages * PAGE_BYTES > segment.bytes)
        return undefined;
      if (header.headerPages === 1) {
        const pages = Buffer.from(run.memory);
        return isFrameHeaderWhole(pages) ? { header, pages } : undefined;
      }
    } finally {
      run.release();
    }
    const longer = await this.#staging.take(header.headerPages);
    try {
      await segment.file.read(longer.memory, position);
      const pages = Buffer.from(longer.memory);
      return isFrameHeaderWhole(pages) ? { header, pages } : undefined;
    } finally {
      longer.release();
    }
  }

  /** Positions of the frame's values whose bytes are not those that were written. */
  async #damagedIn(
    segment: Segment,
    start: number,
    header: FrameHeader,
    pages: Buffer,
  ): Promise<Set<number>> {
    const damaged = new Set<number>();
    const values: { position: number; length: number; checksum: bigint }[] = [];
    forEachFrameRecord(pages, header, newRecord(), (fields: RecordFields) => {
      if (fields.kind === recordKind.value)
        values.push({
          position: fields.position,
          length: fields.valueLength,
          checksum: fields.checksum,
        });
    });
    for (const { position, length, checksum } of values)
      if (!(await this.#isWhole(segment, start + position, length, checksum)))
        damaged.add(position);
    return damaged;
  }

  async #isWhole(
    segment: Segment,
    position: number,
    length: number,
    checksum: bigint,
  ): Promise<boolean> {
    if (position + length > segment.bytes) return false;
    const first = Math.floor(position / PAGE_BYTES);
    const offset = position - first * PAGE_BYTES;
    const run = await this.#staging.take(Math.max(1, pagesFor(offset + length)));
    try {
      await segment.file.read(run.memory, first * PAGE_BYTES);
      return checksumOf(run.memory.subarray(offset, offset + length)) === checksum;
    } catch {
      return false;
    } finally {
      run.release();
    }
  }
}

/** Calls `visit` with each record of `records`, from `from` on; stops when it answers false. Returns how far it came. */
export function walkRecords(
  records: Buffer,
  from: number,
  record: RecordFields,
  visit: (record: RecordFields) => boolean,
): number {
  let at = from;
  while (at < records.length) {
    const next = readRecord(records, at, records.length, record);
    if (next === 0) return records.length;
    at = next;
    if (!visit(record)) break;
  }
  return at;
}
