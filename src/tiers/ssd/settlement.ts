import type { SettledOutcome } from "../chain/lower-tier.ts";
import type { Health } from "./health.ts";
import type { SegmentSet } from "./segment-set.ts";
import type { SsdCounters } from "./ssd-counters.ts";

/** When a write counts as done; see docs/tiers.md. */
export type Durability = "none" | "async" | "fsync";

const ASYNC_SYNC_MS = 1000;

/**
 * Counts the items given to the log in their order, and tells those who wait what became of them: all up
 * to some item are written or lost, and, where that was promised, synced.
 */
export class Settlement {
  readonly #durability: Durability;
  readonly #segments: SegmentSet;
  readonly #health: Health;
  readonly #counters: SsdCounters;
  readonly #waiting: { upTo: number; from: number; resolve: (outcome: SettledOutcome) => void }[] =
    [];
  readonly #timer: NodeJS.Timeout | undefined;
  #sequence = 0;
  /** All items up to here are written or lost. */
  #settledUpTo = 0;
  #syncedUpTo = 0;
  #lastLost = 0;
  #syncing: Promise<void> | undefined;

  constructor(parts: {
    readonly durability: Durability;
    readonly segments: SegmentSet;
    readonly health: Health;
    readonly counters: SsdCounters;
  }) {
    this.#durability = parts.durability;
    this.#segments = parts.segments;
    this.#health = parts.health;
    this.#counters = parts.counters;
    if (parts.durability === "async")
      this.#timer = setInterval(() => void this.sync(), ASYNC_SYNC_MS).unref();
  }

  /** Of the item given last. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  nextSequence(): number {
    return ++this.#sequence;
  }

  /** The item will not be written. */
  lost(sequence: number): void {
    this.#lastLost = Math.max(this.#lastLost, sequence);
  }

  /** What became of all that was given so far, if that is known already. */
  now(): SettledOutcome | undefined {
    const from = this.#doneUpTo;
    if (from < this.#sequence) return undefined;
    return this.#lastLost > from ? "lost" : "durable";
  }

  /** Resolves when all that was given so far is written, and synced where that was promised. */
  wait(): Promise<SettledOutcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ upTo: this.#sequence, from: this.#doneUpTo, resolve });
    });
  }

  /** All items up to this one are written or lost: answers those who wait, or has it synced first. */
  reached(upTo: number): void {
    this.#settledUpTo = upTo;
    while (this.#waiting.length > 0 && this.#waiting[0].upTo <= this.#doneUpTo) {
      const { from, resolve } = this.#waiting.shift()!;
      resolve(this.#lastLost > from ? "lost" : "durable");
    }
    const wantsSync = this.#durability === "fsync" && this.isAwaited;
    if (wantsSync && this.#settledUpTo > this.#syncedUpTo) void this.sync();
  }

  /** Nobody is kept waiting for a disk that fails. */
  giveUp(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve("lost");
  }

  /** Syncs all that is written by now. */
  async syncAll(): Promise<void> {
    await this.#syncing;
    await this.sync();
  }

  /** Syncs what was written when the sync began that is under way, or that begins now. */
  sync(): Promise<void> {
    this.#syncing ??= this.#syncOnce().finally(() => {
      this.#syncing = undefined;
      this.reached(this.#settledUpTo);
    });
    return this.#syncing;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get #doneUpTo(): number {
    return this.#durability === "fsync" ? this.#syncedUpTo : this.#settledUpTo;
  }

  async #syncOnce(): Promise<void> {
    const upTo = this.#settledUpTo;
    const dirty = this.#segments.all.filter(({ isDirty }) => isDirty);
    for (const segment of dirty) segment.isDirty = false;
    const began = performance.now();
    const outcomes = await Promise.allSettled(dirty.map(({ file }) => file.sync()));
    for (const [index, outcome] of outcomes.entries())
      if (outcome.status === "rejected") {
        // What the kernel could not write it may have thrown away: nothing of this can be promised.
        this.#health.syncFailed(outcome.reason);
        this.lost(upTo);
        dirty[index].isDirty = true;
      }
    if (dirty.length > 0) this.#counters.syncs.record(performance.now() - began);
    if (outcomes.length > 0 && outcomes.every(({ status }) => status === "fulfilled"))
      this.#health.syncSucceeded();
    this.#syncedUpTo = Math.max(this.#syncedUpTo, upTo);
  }
}
