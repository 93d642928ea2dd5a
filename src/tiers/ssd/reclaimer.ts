import { setTimeout as delay } from "node:timers/promises";
import { partnerKey } from "../../store/pairs.ts";
import type { Segment } from "./segment.ts";
import type { SegmentSet } from "./segment-set.ts";
import type { SsdIndex } from "./ssd-index.ts";

/** Rows looked at in one turn of the event loop. */
const ROWS_A_TURN = 200_000;
/** Of a segment's bytes, at most this much is kept, so that reclaiming it gains something. */
const LARGEST_SHARE_KEPT = 0.5;
const LARGEST_SHARE_PINNED = 0.9;
/** What was read is kept if that is not longer ago than it takes to write this share of the segments in use. */
const RECENT_SHARE = 0.75;
/** Segments that are kept free: one for new values, one for what moves, one in hand. */
const FREE_SEGMENTS = 3;
/** Values that move together: read at the same time, written in one frame. */
export const MOVE_BATCH_BYTES: number = 4 * 1024 ** 2;
const BATCH_ROWS = 256;
/** Batches under way: one is read while the other is written. */
const BATCHES_AT_A_TIME = 2;
const READERS_POLL_MS = 5;

/** What the reclaimer needs of the tier. */
export interface ReclaimerOwner {
  readonly index: SsdIndex;
  readonly segments: SegmentSet;
  /** Most blocks; 0 for no limit. */
  readonly maxBlocks: number;
  now(): number;
  /** Whether RAM has the row's value and it was read there. */
  isUsedInRam(row: number): boolean;
  /** Moves the rows' values to the active segment; resolves when that is done or has failed. */
  move(rows: readonly number[]): Promise<void>;
  /** The row's value leaves the tier. */
  evict(row: number, why: "evicted" | "expired"): void;
}

/**
 * Makes room: takes the oldest segment, moves what was read again since it was written (and not too
 * long ago) to the active one, and gives the rest up.
 */
export class Reclaimer {
  readonly #owner: ReclaimerOwner;
  #running = false;
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(owner: ReclaimerOwner) {
    this.#owner = owner;
  }

  /** Begins to reclaim if there is need. */
  check(): void {
    if (this.#running || this.#stopped || !this.#isNeeded()) return;
    this.#running = true;
    this.#done = this.#run();
  }

  /** Begins nothing more; resolves when what runs is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  #isNeeded(): boolean {
    const { segments, index, maxBlocks } = this.#owner;
    const wanted = Math.min(FREE_SEGMENTS, Math.max(2, Math.floor(segments.all.length / 4)));
    return segments.freeCount < wanted || (maxBlocks > 0 && index.storedCount > maxBlocks);
  }

  async #run(): Promise<void> {
    while (this.#isNeeded() && !this.#stopped) {
      const segment = this.#owner.segments.oldest();
      if (segment === undefined) break;
      segment.state = "reclaiming";
      await this.#reclaim(segment);
    }
    this.#running = false;
  }

  async #reclaim(segment: Segment): Promise<void> {
    const { segments } = this.#owner;
    const kept = this.#choose(await this.#rowsOf(segment), segment);
    await this.#moveAll([...kept]);
    this.#evictAll(await this.#rowsOf(segment), segment);
    while (segment.readers > 0) await delay(READERS_POLL_MS);
    segments.release(segment);
  }

  async #rowsOf(segment: Segment): Promise<number[]> {
    const { index } = this.#owner;
    const rows: number[] = [];
    for (let from = 1; from < index.end; from += ROWS_A_TURN) {
      index.rowsOf(segment.number, from, Math.min(from + ROWS_A_TURN, index.end), rows);
      await nextTurn();
    }
    // If everything was cleared meanwhile, these are numbers of nothing.
    return index === this.#owner.index ? rows : [];
  }

  #evictAll(rows: readonly number[], segment: Segment): void {
    const { index } = this.#owner;
    for (const row of rows)
      // One that was evicted may have taken another along.
      if (index.isPresent(row) && index.isStored(row) && index.segment(row) === segment.number)
        this.#owner.evict(row, this.#hasExpired(row) ? "expired" : "evicted");
  }

  /** The rows worth keeping, with the other halves of their pairs; the most recently used come last. */
  #choose(rows: readonly number[], segment: Segment): Set<number> {
    const { index } = this.#owner;
    const worthy = rows.filter((row) => index.isStored(row) && this.#isWorthKeeping(row));
    worthy.sort((a, b) => rank(index, b) - rank(index, a));
    let bytes = 0;
    const kept: number[] = [];
    for (const row of worthy) {
      const share = index.isPinned(row) ? LARGEST_SHARE_PINNED : LARGEST_SHARE_KEPT;
      if (bytes + index.length(row) > segment.bytes * share) continue;
      bytes += index.length(row);
      kept.push(row);
      const partner = this.#partnerOf(row);
      if (partner !== 0 && index.segment(partner) === segment.number) kept.push(partner);
    }
    return new Set(kept.toReversed());
  }

  #isWorthKeeping(row: number): boolean {
    const { index, segments } = this.#owner;
    if (this.#hasExpired(row)) return false;
    if (index.isPinned(row) || this.#owner.isUsedInRam(row)) return true;
    const inUse = segments.all.length - segments.freeCount;
    const since = segments.generation - inUse * RECENT_SHARE;
    return index.wasRead(row) && index.usedAt(row) >= since;
  }

  async #moveAll(rows: readonly number[]): Promise<void> {
    const { index } = this.#owner;
    let next = 0;
    const takeBatch = (): number[] => {
      const batch: number[] = [];
      let bytes = 0;
      while (next < rows.length && batch.length < BATCH_ROWS && bytes < MOVE_BATCH_BYTES) {
        bytes += index.length(rows[next]);
        batch.push(rows[next++]);
      }
      return batch;
    };
    const lanes = Array.from({ length: BATCHES_AT_A_TIME }, async () => {
      for (let batch = takeBatch(); batch.length > 0; batch = takeBatch())
        await this.#owner.move(batch);
    });
    await Promise.all(lanes);
  }

  #hasExpired(row: number): boolean {
    const at = this.#owner.index.expiresAt(row);
    return at !== 0 && at <= this.#owner.now();
  }

  #partnerOf(row: number): number {
    const { index } = this.#owner;
    const key = index.key(row);
    const other = partnerKey(key, 0, key.length);
    if (other === undefined) return 0;
    const partner = index.locate(other, 0, other.length, index.keyspace(row));
    return partner !== 0 && index.isStored(partner) ? partner : 0;
  }
}

/** Pinned before read ones, recently used before others. */
function rank(index: SsdIndex, row: number): number {
  return (index.isPinned(row) ? 2 ** 40 : 0) + index.usedAt(row);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
