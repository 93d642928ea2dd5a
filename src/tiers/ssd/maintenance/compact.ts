import { PAGE_BYTES, pagesFor } from "../layout.ts";
import type { LogItem } from "../log-item.ts";
import { newRecord, recordFlag, recordKind } from "../record.ts";
import { Segment } from "../segment.ts";
import { walkRecords } from "../segment-reader.ts";
import { type MaintenanceOptions, OfflineStore, requireReadable } from "./offline-store.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { sourceOfRead } from "../value-pages.ts";
import { readValue } from "./value-reader.ts";

/** A segment with less than this share of dead bytes stays as it is, if all older ones do. */
const LEAST_DEAD = 0.05;
const OUTPUT_NAME = /^compact-\d+\.new$/;

export interface CompactReport {
  readonly directory: string;
  readonly blocks: number;
  readonly bytes: number;
  /** Segments that held something before and hold something now. */
  readonly segmentsBefore: number;
  readonly segmentsAfter: number;
  /** Bytes of segments that came free. */
  readonly freedBytes: number;
  readonly movedBlocks: number;
  readonly movedBytes: number;
  /** Blocks that were found damaged on the way, and dropped. */
  readonly damagedBlocks: number;
}

/**
 * Writes the live blocks of a data directory together, so that the segments of dead ones come free.
 * Blocks keep their age. Whenever it is stopped, nothing is lost: a file takes another's place when
 * all that the other had that is live stands in finished files.
 *
 * Throws as {@link OfflineStore.open} does, `INPUT_INVALID` when a segment cannot be read, and what
 * the disk says when it cannot be written.
 */
export async function compactDirectory(
  path: string,
  options: MaintenanceOptions = {},
): Promise<CompactReport> {
  const store = await OfflineStore.open(path, {
    writable: true,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    requireReadable(store);
    await removeLeftovers(store);
    return await new Compaction(store, options).run(path);
  } finally {
    await removeLeftovers(store);
    await store.close();
  }
}

/** Removes files that a compaction left which was killed. */
export async function removeLeftovers({ disk }: OfflineStore): Promise<void> {
  for (const name of await disk.names()) if (OUTPUT_NAME.test(name)) await disk.remove(name);
}

/** A segment whose live blocks move, and the outputs that took them. */
interface Source {
  readonly segment: Segment;
  /** Outputs count from 1. */
  firstOutput: number;
  lastOutput: number;
  isDrained: boolean;
}

class Compaction {
  readonly #store: OfflineStore;
  readonly #options: MaintenanceOptions;
  readonly #rows: Map<number, number[]>;
  #sources: Source[] = [];
  /** Something dead lies in a segment that stays: what says so must stay as well. */
  #keepsDead = false;
  #writer: SegmentWriter | undefined;
  /** Outputs begun, and those that have taken a source's place. */
  #outputs = 0;
  readonly #placed = new Set<number>();
  #of = 0;
  #movedBlocks = 0;
  #movedBytes = 0;
  #damagedBlocks = 0;
  #damagedBytes = 0;

  constructor(store: OfflineStore, options: MaintenanceOptions) {
    this.#store = store;
    this.#options = options;
    this.#rows = store.rowsBySegment();
  }

  async run(directory: string): Promise<CompactReport> {
    const { index, inUse, disk } = this.#store;
    this.#sources = await this.#choose();
    for (const { segment } of this.#sources) this.#of += this.#rows.get(segment.number)!.length;
    try {
      for (const source of this.#sources) await this.#drain(source);
      await this.#finishOutput();
    } finally {
      await this.#writer?.abandon();
    }
    const spent = this.#sources.filter(
      (source, at) => !this.#placed.has(at + 1) && this.#isSpent(source, 0),
    );
    for (const { segment } of spent) await disk.empty(Segment.nameOf(segment.number));
    return {
      directory,
      blocks: index.storedCount - this.#damagedBlocks,
      bytes: index.storedBytes - this.#damagedBytes,
      segmentsBefore: inUse.length,
      segmentsAfter: inUse.length - spent.length,
      freedBytes: spent.reduce((sum, { segment }) => sum + segment.bytes, 0),
      movedBlocks: this.#movedBlocks,
      movedBytes: this.#movedBytes,
      damagedBlocks: this.#damagedBlocks,
    };
  }

  /** The segments that are written anew: from the oldest with dead bytes on, if one comes free by it. */
  async #choose(): Promise<Source[]> {
    const { inUse } = this.#store;
    const gains: number[] = [];
    const haveDead: boolean[] = [];
    for (const segment of inUse) {
      const { gain, hasDead } = await this.#gainOf(segment);
      gains.push(gain);
      haveDead.push(hasDead);
    }
    const bytes = this.#store.superblock.segmentBytes;
    const from = gains.findIndex((gain) => gain >= bytes * LEAST_DEAD);
    const total = gains.slice(Math.max(0, from)).reduce((sum, gain) => sum + gain, 0);
    if (from < 0 || total < bytes) return [];
    this.#keepsDead = haveDead.slice(0, from).includes(true);
    return inUse
      .slice(from)
      .map((segment) => ({ segment, firstOutput: 0, lastOutput: 0, isDrained: false }));
  }

  /** Bytes of a segment that hold nothing live: dead values, and what was never written. */
  async #gainOf(segment: Segment): Promise<{ gain: number; hasDead: boolean }> {
    const { index } = this.#store;
    const { records, count, end } = await this.#store.contentsOf(segment);
    const rows = this.#rows.get(segment.number)!;
    let written = 0;
    walkRecords(records, 0, newRecord(), ({ valueLength }) => {
      written += valueLength;
      return true;
    });
    const live = rows.reduce((sum, row) => sum + index.length(row), 0);
    const unused = segment.bytes - end - (pagesFor(records.length) + 1) * PAGE_BYTES;
    return { gain: written - live + Math.max(0, unused), hasDead: count > rows.length };
  }

  async #drain(source: Source): Promise<void> {
    const { segment } = source;
    const items = await this.#recordsToKeep(segment);
    for (const row of this.#rows.get(segment.number)!) {
      this.#options.signal?.throwIfAborted();
      const item = await this.#read(segment, row);
      if (item !== undefined) await this.#add(item, source);
      this.#options.onProgress?.({
        done: this.#movedBlocks + this.#damagedBlocks,
        of: this.#of,
        bytes: this.#movedBytes,
      });
    }
    for (const item of items) await this.#add(item, source);
    source.isDrained = true;
  }

  /** What is to be written of a live row; `undefined` when its value is damaged. */
  async #read(segment: Segment, row: number): Promise<LogItem | undefined> {
    const { index, staging } = this.#store;
    const position = index.position(row);
    const length = index.length(row);
    const read = await readValue(
      segment,
      { position, length, checksum: index.checksum(row) },
      staging,
    );
    if (read === undefined) {
      this.#damagedBlocks++;
      this.#damagedBytes += length;
      return undefined;
    }
    const { run, offset } = read;
    this.#movedBlocks++;
    this.#movedBytes += length;
    return {
      ...bareItem,
      kind: recordKind.value,
      keyspace: index.keyspace(row),
      key: Buffer.from(index.key(row)),
      flags: index.isPinned(row) ? recordFlag.pinned : 0,
      version: index.version(row),
      expiresAt: index.expiresAt(row),
      checksum: index.checksum(row),
      source: sourceOfRead(run.memory, offset, length, () => run.release()),
    };
  }

  /** What the segment says of keys whose value, live or dead, lies in one that stays. */
  async #recordsToKeep(segment: Segment): Promise<LogItem[]> {
    const { index } = this.#store;
    const moving = new Set(this.#sources.map((source) => source.segment.number));
    const kept: LogItem[] = [];
    const { records } = await this.#store.contentsOf(segment);
    walkRecords(records, 0, newRecord(), (fields) => {
      const { kind, keyspace, flags, version, expiresAt, keyStart, keyEnd } = fields;
      if (kind === recordKind.value) return true;
      const row = index.locate(records, keyStart, keyEnd, keyspace);
      const isWanted =
        kind === recordKind.attributes
          ? row !== 0 && !moving.has(index.segment(row))
          : this.#keepsDead;
      const key = Buffer.from(records.subarray(keyStart, keyEnd));
      if (isWanted) kept.push({ ...bareItem, kind, keyspace, key, flags, version, expiresAt });
      return true;
    });
    return kept;
  }

  async #add(item: LogItem, source: Source): Promise<void> {
    if (this.#writer === undefined || !(await this.#writer.add(item))) {
      await this.#finishOutput();
      const like = this.#sources[this.#outputs].segment;
      const name = outputName(++this.#outputs);
      const file = await this.#store.disk.create(name, like.bytes);
      this.#writer = await SegmentWriter.begin(this.#store, file, like);
      if (!(await this.#writer.add(item))) throw new Error("a block does not fit a segment");
    }
    source.firstOutput ||= this.#outputs;
    source.lastOutput = this.#outputs;
  }

  /** Completes the output under way, and lets complete ones take the place of spent segments. */
  async #finishOutput(): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    await writer.finish();
    for (let output = this.#nextToPlace(); output > 0; output = this.#nextToPlace()) {
      const { number } = this.#sources[output - 1].segment;
      await this.#store.disk.replace(Segment.nameOf(number), outputName(output));
      this.#placed.add(output);
    }
  }

  /** A complete output that can take its source's place, or 0. */
  #nextToPlace(): number {
    for (let output = this.#outputs; output > 0; output--)
      if (!this.#placed.has(output) && this.#isSpent(this.#sources[output - 1], output))
        return output;
    return 0;
  }

  /** Whether all that is live in the source stands in outputs that have their place, or in `output`. */
  #isSpent({ isDrained, firstOutput, lastOutput }: Source, output: number): boolean {
    for (let each = firstOutput; each <= lastOutput; each++)
      if (each !== 0 && each !== output && !this.#placed.has(each)) return false;
    return isDrained;
  }
}

const bareItem = {
  row: 0,
  source: undefined,
  movedFrom: -1,
  sequence: 0,
  done: undefined,
  checksum: undefined,
  attempts: 0,
  position: 0,
} as const;

function outputName(number: number): string {
  return `compact-${number}.new`;
}
