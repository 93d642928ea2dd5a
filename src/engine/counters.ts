import type { Gate } from "./gate.ts";
import type { KvEngineStats, LookupResult, MissReason, StoreResult } from "./types.ts";

/** What an engine counts. */
export class EngineCounters {
  lookups = 0;
  retrieves = 0;
  stores = 0;
  hitBytes = 0;
  damagedChunks = 0;
  #requestedTokens = 0;
  #hitTokens = 0;
  #storedChunks = 0;
  #storedBytes = 0;
  #skippedChunks = 0;
  #failedChunks = 0;
  readonly #misses: Record<MissReason, number> = {
    absent: 0,
    "too-short": 0,
    damaged: 0,
    timeout: 0,
    "store-failed": 0,
    busy: 0,
    "no-room": 0,
    closed: 0,
  };

  found(result: LookupResult, requestedTokens: number): void {
    this.#requestedTokens += requestedTokens;
    this.#hitTokens += result.prefixTokens;
    if (result.status !== "HIT") this.#misses[result.reason]++;
  }

  stored({ outcomes, storedBytes }: StoreResult): void {
    this.#storedBytes += storedBytes;
    for (const { status } of outcomes)
      if (status === "STORED") this.#storedChunks++;
      else if (status === "SKIPPED") this.#skippedChunks++;
      else this.#failedChunks++;
  }

  snapshot(reads: Gate, writes: Gate): KvEngineStats {
    return {
      lookups: this.lookups,
      retrieves: this.retrieves,
      stores: this.stores,
      requestedTokens: this.#requestedTokens,
      hitTokens: this.#hitTokens,
      hitBytes: this.hitBytes,
      storedChunks: this.#storedChunks,
      storedBytes: this.#storedBytes,
      skippedChunks: this.#skippedChunks,
      failedChunks: this.#failedChunks,
      damagedChunks: this.damagedChunks,
      misses: { ...this.#misses },
      activeCalls: reads.active + writes.active,
      waitingCalls: reads.waiting + writes.waiting,
      queuedBytes: writes.heldBytes,
    };
  }
}
