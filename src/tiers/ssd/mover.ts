import { checksumOf } from "./checksum.ts";
import type { Health } from "./health.ts";
import { PAGE_BYTES, pagesFor } from "./layout.ts";
import type { LogItem } from "./log-item.ts";
import { recordFlag, recordKind } from "./record.ts";
import type { SegmentSet } from "./segment-set.ts";
import type { SsdCounters } from "./ssd-counters.ts";
import type { SsdIndex } from "./ssd-index.ts";
import type { Staging } from "./staging.ts";
import { sourceOfRead } from "./value-pages.ts";

/** What the mover needs of the tier. */
export interface MoverOwner {
  readonly index: SsdIndex;
  readonly segments: SegmentSet;
  readonly health: Health;
  readonly counters: SsdCounters;
  /** Whether the row's value is on the disk. */
  isStored(row: number): boolean;
  append(item: Pick<LogItem, "kind" | "keyspace" | "key" | "version"> & Partial<LogItem>): void;
  /** Does not wait for more to write together with what was appended. */
  writeNow(): void;
}

/** A value that was read to be moved. */
interface Moving {
  readonly row: number;
  readonly memory: Buffer;
  readonly offset: number;
  readonly from: number;
  readonly version: number;
}

/** Moves values from one segment to the active one. */
export class Mover {
  readonly #owner: MoverOwner;
  readonly #memory: Staging;

  /** @param memory - for values on their way between segments. */
  constructor(owner: MoverOwner, memory: Staging) {
    this.#owner = owner;
    this.#memory = memory;
  }

  /** Moves the rows' values, all in one write if they fit one; resolves when that is done or has failed. */
  async move(rows: readonly number[]): Promise<void> {
    const { index } = this.#owner;
    const present = rows.filter((row) => this.#owner.isStored(row));
    const pagesOf = (row: number): number =>
      Math.max(1, pagesFor((index.position(row) % PAGE_BYTES) + index.length(row)));
    const versions = present.map((row) => index.version(row));
    // All memory at once: batches that wait for each other's would wait for ever.
    const run = await this.#memory.take(present.reduce((sum, row) => sum + pagesOf(row), 0));
    try {
      if (index !== this.#owner.index) return;
      let at = 0;
      const reads = present.flatMap((row, i) => {
        if (!this.#owner.isStored(row) || index.version(row) !== versions[i]) return [];
        const memory = run.memory.subarray(at, at + pagesOf(row) * PAGE_BYTES);
        at += memory.length;
        return [this.#read(row, memory)];
      });
      const read = await Promise.all(reads);
      const moved = read.flatMap((moving) => this.#append(moving) ?? []);
      this.#owner.writeNow();
      await Promise.all(moved);
    } finally {
      run.release();
    }
  }

  /** The item as it is to be written now; `undefined` if its value is no more where it was. */
  current(item: LogItem): LogItem | undefined {
    const { index } = this.#owner;
    const { row, version, movedFrom } = item;
    if (!this.#isAt(row, version, movedFrom)) return undefined;
    const flags = index.isPinned(row) ? recordFlag.pinned : 0;
    return { ...item, expiresAt: index.expiresAt(row), flags };
  }

  async #read(row: number, memory: Buffer): Promise<Moving | undefined> {
    const { index, segments, health, counters } = this.#owner;
    const position = index.position(row);
    const offset = position % PAGE_BYTES;
    const from = index.segment(row);
    const version = index.version(row);
    try {
      await segments.all[from].file.read(memory, position - offset);
    } catch (error) {
      health.readFailed(error);
      return undefined;
    }
    if (!this.#isAt(row, version, from)) return undefined;
    const value = memory.subarray(offset, offset + index.length(row));
    if (checksumOf(value) === index.checksum(row)) return { row, memory, offset, from, version };
    counters.corrupt++;
    return undefined;
  }

  /** Whether the row still has this version, in this segment. */
  #isAt(row: number, version: number, segment: number): boolean {
    const { index } = this.#owner;
    return (
      this.#owner.isStored(row) && index.version(row) === version && index.segment(row) === segment
    );
  }

  #append(moving: Moving | undefined): Promise<void> | undefined {
    const { index } = this.#owner;
    if (moving === undefined || !this.#isAt(moving.row, moving.version, moving.from))
      return undefined;
    const { row, memory, offset } = moving;
    return new Promise((resolve) => {
      this.#owner.append({
        kind: recordKind.value,
        keyspace: index.keyspace(row),
        key: Buffer.from(index.key(row)),
        flags: index.isPinned(row) ? recordFlag.pinned : 0,
        version: moving.version,
        expiresAt: index.expiresAt(row),
        row,
        checksum: index.checksum(row),
        source: sourceOfRead(memory, offset, index.length(row), () => undefined),
        movedFrom: moving.from,
        done: () => resolve(),
      });
    });
  }
}
