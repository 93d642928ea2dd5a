import { Histogram } from "../../observe/histogram.ts";

/** What a store has done since it began. */
export class StoreCounters {
  hits = 0;
  misses = 0;
  hitBytes = 0;
  stored = 0;
  storedBytes = 0;
  rejected = 0;
  /** Blocks that were there and failed their check. */
  damaged = 0;
  /** Blocks that could not be asked for: no server, no time, an error reply. */
  failedReads = 0;
  /** Blocks whose writing failed. */
  failedWrites = 0;
  /** Look-ups and deletions that failed. */
  failedLookups = 0;
  /** Durations of whole batches. */
  readonly get = new Histogram();
  readonly put = new Histogram();
  readonly match = new Histogram();
  /** What failed last. */
  lastError: string | undefined;

  failed(kind: "failedReads" | "failedWrites" | "failedLookups", error: unknown): void {
    this[kind]++;
    this.lastError = error instanceof Error ? error.message : String(error);
  }
}
