import { setTimeout as sleep } from "node:timers/promises";

const firstMs = 2;
const longestMs = 25;

/** Pauses between two looks: short after something was seen, then longer and longer. */
export class Pause {
  readonly #signal: AbortSignal | undefined;
  #nextMs = firstMs;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Something was seen: the next pause is short. */
  reset(): void {
    this.#nextMs = firstMs;
  }

  /**
   * Waits, `mostMs` at most.
   *
   * @throws The signal's reason
   */
  async take(mostMs: number = Infinity): Promise<void> {
    const signal = this.#signal;
    signal?.throwIfAborted();
    try {
      await sleep(Math.min(this.#nextMs, mostMs), undefined, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
    this.#nextMs = Math.min(1.5 * this.#nextMs, longestMs);
  }
}
