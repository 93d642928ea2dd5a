import type { Logger } from "../../observe/logger.ts";
import { Turns } from "../../util/turns.ts";
import type { RamTier } from "../ram/ram-tier.ts";
import { checksumOf } from "./checksum.ts";
import type { Health } from "./health.ts";
import { PAGE_BYTES, pagesFor } from "./layout.ts";
import type { SegmentSet } from "./segment-set.ts";
import type { SsdCounters } from "./ssd-counters.ts";
import type { SsdIndex } from "./ssd-index.ts";
import type { Staging } from "./staging.ts";
import { OWN_PAGES_BYTES, VALUE_OFFSET } from "./value-pages.ts";

/** Reads under way before further ones are misses: the disk does not keep up. */
const MAX_READS = 1024;

/** Proving and giving out a value from here on takes so long that everybody else is served in between. */
const TURN_BYTES = 256 * 1024;

/** What the reader needs of the tier. */
export interface ValueReaderOwner {
  readonly index: SsdIndex;
  readonly segments: SegmentSet;
  readonly health: Health;
  readonly counters: SsdCounters;
  readonly logger: Logger;
  /** The row's value was read. */
  touch(row: number): void;
  /** The row's value is not what was written. */
  dropDamaged(row: number): void;
}

/** Reads values and proves them: what cannot be read, or is damaged, is not there. */
export class ValueReader {
  readonly #owner: ValueReaderOwner;
  readonly #memory: Staging;
  readonly #turns = new Turns();
  #reads = 0;

  /** @param memory - for values that are not read straight into RAM slots. */
  constructor(owner: ValueReaderOwner, memory: Staging) {
    this.#owner = owner;
    this.#memory = memory;
  }

  /** Reads the row's value into a new slot, straight from the disk if it lies there as in RAM; 0: a miss. */
  async intoSlot(row: number, ram: RamTier): Promise<number> {
    const { index, counters } = this.#owner;
    const { slots } = ram;
    const length = index.length(row);
    const keyLength = index.keyLength(row);
    const offset = index.position(row) % PAGE_BYTES;
    if (length >= OWN_PAGES_BYTES && offset >= VALUE_OFFSET) {
      const slot = ram.reserve(length + offset - VALUE_OFFSET, keyLength);
      if (slot > 0 && slots.hasPages(slot) && slots.place(slot, offset, length, keyLength)) {
        const pages = slots.memory(slot).subarray(0, pagesFor(offset + length) * PAGE_BYTES);
        if (await this.intoPages(row, pages)) return slot;
        ram.cancel(slot);
        return 0;
      }
      if (slot > 0) ram.cancel(slot);
    }
    const run = this.#memory.tryTake(Math.max(1, pagesFor(offset + length)));
    const slot = run === undefined ? 0 : Math.max(0, ram.reserve(length, keyLength));
    try {
      if (run === undefined || slot === 0) {
        counters.failedReads++;
        return 0;
      }
      if (await this.intoPages(row, run.memory)) {
        run.memory.copy(slots.piece(slot), slots.valueOffset(slot), offset, offset + length);
        return slot;
      }
      ram.cancel(slot);
      return 0;
    } finally {
      run?.release();
    }
  }

  /**
   * Reads the pages that the row's value lies in. The value begins in `memory` where it begins in its
   * first page. Returns whether it is there whole.
   */
  async intoPages(row: number, memory: Buffer): Promise<boolean> {
    const { index, segments, health, counters, logger } = this.#owner;
    const segment = segments.all[index.segment(row)];
    if (segment === undefined || this.#reads >= MAX_READS) {
      counters.failedReads++;
      return false;
    }
    const version = index.version(row);
    const checksum = index.checksum(row);
    const length = index.length(row);
    const position = index.position(row);
    const offset = position % PAGE_BYTES;
    const began = performance.now();
    segment.readers++;
    this.#reads++;
    try {
      await segment.file.read(memory, position - offset);
      counters.reads.record(performance.now() - began);
      if (length >= TURN_BYTES) await this.#turns.next();
    } catch (error) {
      counters.failedReads++;
      health.readFailed(error);
      return false;
    } finally {
      segment.readers--;
      this.#reads--;
    }
    health.readSucceeded();
    counters.readBytes += memory.length;
    const isSame =
      index === this.#owner.index && index.isPresent(row) && index.version(row) === version;
    if (checksumOf(memory.subarray(offset, offset + length)) !== checksum) {
      counters.corrupt++;
      logger.warn(
        { segment: segment.number, position },
        "a value on the disk is damaged: it is dropped",
      );
      if (isSame) this.#owner.dropDamaged(row);
      return false;
    }
    counters.hits++;
    counters.hitBytes += length;
    if (isSame) {
      index.addHit(row);
      this.#owner.touch(row);
    }
    return true;
  }
}
