import { setImmediate as nextTurn } from "node:timers/promises";

const sliceMs = 4;

/** Divides long computing into slices, so that the event loop gets its turn between them. */
export class TimeSlices {
  readonly #signal: AbortSignal | undefined;
  #end = performance.now() + sliceMs;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether it is time to {@link giveWay}. */
  get over(): boolean {
    return performance.now() >= this.#end;
  }

  /** Lets others have their turn. Rejects with the signal's reason once that is aborted. */
  async giveWay(): Promise<void> {
    await nextTurn();
    this.#signal?.throwIfAborted();
    this.#end = performance.now() + sliceMs;
  }
}
