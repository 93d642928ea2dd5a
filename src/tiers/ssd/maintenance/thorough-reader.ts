import { forEachFrameRecord } from "../frame.ts";
import { PAGE_BYTES, readSegmentTrailer } from "../layout.ts";
import { RECORD_BYTES, newRecord, recordKind } from "../record.ts";
import type { Segment } from "../segment.ts";
import { type SegmentContents, SegmentReader, walkRecords } from "../segment-reader.ts";
import type { Staging } from "../staging.ts";
import type { SegmentFinding } from "./finding.ts";
import { walkFrames } from "./frame-walk.ts";
import { isValueWhole } from "./value-reader.ts";

/** As many frames are written at a time: so many can be torn when the power goes. */
const LAST_FRAMES = 4;

export interface ThoroughReaderOptions {
  /** Whether to read every value, also of segments whose footer is whole. */
  readonly verify: boolean;
  readonly onValue?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads segments as the tier does, and beyond: values are proven, whole frames behind damaged ones
 * are found. Where a value is damaged its record says that the key is gone, so that no older value
 * of the key takes its place. Only of writes that were torn when the process ended, records are left out.
 */
export class ThoroughReader extends SegmentReader {
  /** What was found, by the segment's number. */
  readonly findings: Map<number, SegmentFinding> = new Map();
  /** Segments whose header page was made up. */
  readonly damagedHeaders: Set<number> = new Set();
  readonly #staging: Staging;
  readonly #storeId: Buffer;
  readonly #options: ThoroughReaderOptions;

  constructor(staging: Staging, storeId: Buffer, options: ThoroughReaderOptions) {
    super(staging, storeId);
    this.#staging = staging;
    this.#storeId = storeId;
    this.#options = options;
  }

  override async footerOf(
    segment: Segment,
    generation: number,
  ): Promise<SegmentContents | undefined> {
    const contents = await super.footerOf(segment, generation);
    if (contents === undefined) return undefined;
    const { verify } = this.#options;
    const bad = verify ? await this.#verify(segment, contents.records) : [];
    for (const { at } of bad) markGone(contents.records, at);
    let damagedFrames = 0;
    if (verify)
      for await (const step of walkFrames(segment, this.#storeId, contents.end, this.#staging))
        if (step.kind === "damaged") damagedFrames++;
    this.#found(segment, contents.records, {
      footer: "whole",
      damagedValues: bad.length,
      damagedBytes: bad.reduce((sum, { length }) => sum + length, 0),
      damagedFrames,
      torn: false,
      end: contents.end,
    });
    return { ...contents, damaged: bad.length };
  }

  override async scan(segment: Segment, generation: number): Promise<SegmentContents> {
    const frames: { start: number; isWhole: boolean; isLost: boolean }[] = [];
    const parts: Buffer[] = [];
    const bad: { at: number; length: number }[] = [];
    let bytes = 0;
    let count = 0;
    let end = PAGE_BYTES;
    for await (const step of walkFrames(segment, this.#storeId, segment.bytes, this.#staging)) {
      if (step.kind === "damaged") {
        frames.push({ start: bytes, isWhole: false, isLost: true });
        continue;
      }
      const records = frameRecords(step.pages, step.header, step.position);
      const inFrame = await this.#verify(segment, records.bytes);
      frames.push({ start: bytes, isWhole: inFrame.length === 0, isLost: false });
      for (const { at, length } of inFrame) bad.push({ at: bytes + at, length });
      parts.push(records.bytes);
      bytes += records.bytes.length;
      count += records.count;
      end = step.position + step.header.pages * PAGE_BYTES;
    }
    const firstBad = frames.findIndex(({ isWhole }) => !isWhole);
    const torn = firstBad >= 0 && firstBad >= frames.length - LAST_FRAMES;
    // The last writes may never have been promised: without them the key has what it had before.
    const all = torn ? without(Buffer.concat(parts), bad) : Buffer.concat(parts);
    if (torn) count -= bad.length;
    else for (const { at } of bad) markGone(all, at);
    this.#found(segment, all, {
      footer: (await this.#hasTrailer(segment, generation)) ? "damaged" : "missing",
      damagedValues: bad.length,
      damagedBytes: bad.reduce((sum, { length }) => sum + length, 0),
      damagedFrames: frames.filter(({ isLost }) => isLost).length,
      torn,
      end,
    });
    return { generation, records: all, count, end, fromFooter: false, damaged: bad.length };
  }

  /** Where in `records` those stand whose value is not whole. */
  async #verify(segment: Segment, records: Buffer): Promise<{ at: number; length: number }[]> {
    const values: { at: number; position: number; length: number; checksum: bigint }[] = [];
    walkRecords(records, 0, newRecord(), ({ kind, keyStart, position, valueLength, checksum }) => {
      if (kind === recordKind.value)
        values.push({ at: keyStart - RECORD_BYTES, position, length: valueLength, checksum });
      return true;
    });
    const bad: { at: number; length: number }[] = [];
    for (const value of values) {
      this.#options.signal?.throwIfAborted();
      if (!(await isValueWhole(segment, value, this.#staging)))
        bad.push({ at: value.at, length: value.length });
      this.#options.onValue?.(value.length);
    }
    return bad;
  }

  async #hasTrailer(segment: Segment, generation: number): Promise<boolean> {
    const run = await this.#staging.take(1);
    try {
      await segment.file.read(run.memory, segment.bytes - PAGE_BYTES);
      return readSegmentTrailer(run.memory, this.#storeId, generation) !== undefined;
    } finally {
      run.release();
    }
  }

  #found(
    segment: Segment,
    contents: Buffer,
    found: Omit<
      SegmentFinding,
      "number" | "generation" | "header" | "records" | "values" | "valueBytes"
    >,
  ): void {
    let records = 0;
    let values = found.damagedValues;
    let valueBytes = found.damagedBytes;
    walkRecords(contents, 0, newRecord(), ({ kind, valueLength }) => {
      records++;
      if (kind === recordKind.value) {
        values++;
        valueBytes += valueLength;
      }
      return true;
    });
    this.findings.set(segment.number, {
      number: segment.number,
      generation: segment.generation,
      header: this.damagedHeaders.has(segment.number) ? "damaged" : "whole",
      records,
      values,
      valueBytes,
      ...found,
    });
  }
}

/** The record at `at` says from now on that its key is gone. */
function markGone(records: Buffer, at: number): void {
  records[at] = recordKind.remove;
  records.fill(0, at + 24, at + RECORD_BYTES);
}

function without(records: Buffer, bad: readonly { readonly at: number }[]): Buffer {
  const places = new Set(bad.map(({ at }) => at));
  const parts: Buffer[] = [];
  walkRecords(records, 0, newRecord(), ({ keyStart, keyEnd }) => {
    const at = keyStart - RECORD_BYTES;
    if (!places.has(at)) parts.push(records.subarray(at, (keyEnd + 7) & ~7));
    return true;
  });
  return Buffer.concat(parts);
}

/** The records of a frame as a footer has them: positions from the begin of the file. */
function frameRecords(
  pages: Buffer,
  header: Parameters<typeof forEachFrameRecord>[1],
  position: number,
): { bytes: Buffer; count: number } {
  const parts: Buffer[] = [];
  forEachFrameRecord(pages, header, newRecord(), (fields) => {
    const end = (fields.keyEnd + 7) & ~7;
    const bytes = Buffer.from(pages.subarray(fields.keyStart - RECORD_BYTES, end));
    if (fields.kind === recordKind.value) bytes.writeUInt32LE(position + fields.position, 28);
    parts.push(bytes);
  });
  return { bytes: Buffer.concat(parts), count: parts.length };
}
