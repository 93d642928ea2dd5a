import { type RecordFields, newRecord, recordFlag, recordKind } from "./record.ts";
import type { Segment } from "./segment.ts";
import { type SegmentContents, type SegmentReader, walkRecords } from "./segment-reader.ts";
import { type SsdIndex, rowState } from "./ssd-index.ts";

/** How long the loader works before it lets others have the event loop, in ms. */
const SLICE_MS = 4;
/** Records between two looks at the clock. */
const RECORDS_A_LOOK = 256;

/** How far loading the index has come. */
export interface LoadProgress {
  readonly segments: number;
  readonly segmentsDone: number;
  readonly records: number;
  /** Segments whose footer was missing or damaged, so that their frames were looked at. */
  readonly scanned: number;
  readonly damaged: number;
  readonly done: boolean;
}

/** What the loader needs of the tier. */
export interface LoaderOwner {
  readonly index: SsdIndex;
  readonly reader: SegmentReader;
  now(): number;
  /** A segment that could not be read at all. */
  unreadable(segment: Segment, error: unknown): void;
  /** The segment's contents are in the index. */
  loaded(segment: Segment, contents: SegmentContents): Promise<void>;
}

/**
 * Fills the index from what the segments say, the newest first, so that the last word on a key is
 * heard before older ones. Meanwhile the tier serves what is known and takes new values.
 */
export class Loader {
  readonly #owner: LoaderOwner;
  /** By keyspace, at 256 for all: records of lower versions are void. */
  readonly #clearedAt = new Float64Array(257);
  /** Changed expiry and pins, of keys whose value lies in an older segment. */
  readonly #attributes = new Map<string, { version: number; expiresAt: number; flags: number }>();
  progress: LoadProgress = {
    segments: 0,
    segmentsDone: 0,
    records: 0,
    scanned: 0,
    damaged: 0,
    done: false,
  };
  #stopped = false;

  constructor(owner: LoaderOwner) {
    this.#owner = owner;
  }

  /** All of a keyspace (or `undefined`: everything) written before `version` is void. */
  cleared(keyspace: number | undefined, version: number): void {
    const at = keyspace ?? 256;
    this.#clearedAt[at] = Math.max(this.#clearedAt[at], version);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** @param segments - those with contents, newest generation first. */
  async run(segments: readonly Segment[]): Promise<void> {
    this.#update({ segments: segments.length });
    for (const [age, segment] of segments.entries()) {
      if (this.#stopped) return;
      try {
        const contents = await this.#contentsOf(segment, age === 0);
        await this.#apply(segment, contents);
        this.#update({ damaged: this.progress.damaged + contents.damaged });
        await this.#owner.loaded(segment, contents);
      } catch (error) {
        this.#owner.unreadable(segment, error);
      }
      this.#update({ segmentsDone: age + 1 });
    }
    await this.#forgetGone();
    this.#attributes.clear();
    this.#update({ done: true });
  }

  #update(change: Partial<LoadProgress>): void {
    this.progress = { ...this.progress, ...change };
  }

  async #contentsOf(segment: Segment, isNewest: boolean): Promise<SegmentContents> {
    const { reader } = this.#owner;
    const footer = await reader.footerOf(segment, segment.generation).catch(() => undefined);
    if (footer !== undefined) return footer;
    this.#update({ scanned: this.progress.scanned + 1 });
    return reader.scan(segment, segment.generation, isNewest);
  }

  async #apply(segment: Segment, { records }: SegmentContents): Promise<void> {
    const record = newRecord();
    walkRecords(records, 0, record, (fields) => {
      if (fields.kind === recordKind.clear)
        this.cleared(fields.keyEnd > fields.keyStart ? undefined : fields.keyspace, fields.version);
      return true;
    });
    let at = 0;
    let sliceEnd = performance.now() + SLICE_MS;
    while (at < records.length && !this.#stopped) {
      let left = RECORDS_A_LOOK;
      let count = 0;
      at = walkRecords(records, at, record, (fields) => {
        this.#take(segment, records, fields);
        count++;
        return --left > 0;
      });
      this.#update({ records: this.progress.records + count });
      if (performance.now() < sliceEnd) continue;
      await new Promise((resolve) => setImmediate(resolve));
      sliceEnd = performance.now() + SLICE_MS;
    }
  }

  #take(segment: Segment, records: Buffer, record: RecordFields): void {
    const { kind, keyspace, version, keyStart, keyEnd } = record;
    if (kind === recordKind.clear || keyEnd === keyStart) return;
    if (version < this.#clearedAt[keyspace] || version < this.#clearedAt[256]) return;
    const { index } = this.#owner;
    let row = index.locate(records, keyStart, keyEnd, keyspace);
    if (kind === recordKind.attributes) {
      if (row === 0) this.#keepAttributes(records, record);
      // A value that stands in a newer segment was moved there, with the attributes it had then.
      else if (index.version(row) < version && index.segment(row) === segment.number)
        this.#setAttributes(row, record);
      return;
    }
    if (row !== 0 && index.version(row) >= version) return;
    if (row === 0) row = index.add(records, keyStart, keyEnd, keyspace);
    if (row === 0) return;
    index.setValue(row, record.valueLength, version, record.expiresAt);
    if (kind === recordKind.remove) {
      index.setState(row, rowState.gone);
      return;
    }
    index.setChecksum(row, record.checksum);
    index.place(row, segment.number, record.position);
    index.setUsedAt(row, segment.generation);
    index.setPinned(row, (record.flags & recordFlag.pinned) !== 0);
    this.#applyAttributes(row, version);
    const at = index.expiresAt(row);
    const hasExpired = at !== 0 && at <= this.#owner.now();
    index.setState(row, hasExpired ? rowState.gone : rowState.stored);
  }

  #setAttributes(row: number, { expiresAt, flags }: { expiresAt: number; flags: number }): void {
    const { index } = this.#owner;
    index.setExpiresAt(row, expiresAt);
    index.setPinned(row, (flags & recordFlag.pinned) !== 0);
  }

  #keepAttributes(records: Buffer, record: RecordFields): void {
    const id = idOf(record.keyspace, records.subarray(record.keyStart, record.keyEnd));
    const before = this.#attributes.get(id);
    if (before !== undefined && before.version >= record.version) return;
    const { version, expiresAt, flags } = record;
    this.#attributes.set(id, { version, expiresAt, flags });
  }

  #applyAttributes(row: number, version: number): void {
    if (this.#attributes.size === 0) return;
    const { index } = this.#owner;
    const found = this.#attributes.get(idOf(index.keyspace(row), index.key(row)));
    if (found !== undefined && found.version > version) this.#setAttributes(row, found);
  }

  /** Rows that only kept older words from counting are of no use any more. */
  async #forgetGone(): Promise<void> {
    const { index } = this.#owner;
    let sliceEnd = performance.now() + SLICE_MS;
    for (let row = 1; row < index.end && index.goneCount > 0; row++) {
      if (index.isPresent(row) && index.state(row) === rowState.gone) index.remove(row);
      if (row % RECORDS_A_LOOK !== 0 || performance.now() < sliceEnd) continue;
      await new Promise((resolve) => setImmediate(resolve));
      sliceEnd = performance.now() + SLICE_MS;
    }
  }
}

function idOf(keyspace: number, key: Uint8Array): string {
  return `${keyspace} ${Buffer.from(key).toString("latin1")}`;
}
