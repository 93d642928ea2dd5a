const shortestPauseMs = 50;
const longestPauseMs = 1000;
/** So slowly that what changes after a time is noticed within about a twentieth of it. */
const pauseGrowth = 1.05;

/**
 * Runs a task in the background, never twice at a time: when asked, and again after growing pauses
 * for as long as it fails or is not content.
 */
export class Refresher {
  readonly #task: () => Promise<boolean>;
  readonly #random: () => number;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #again = false;
  #pauseMs = shortestPauseMs;
  #closed = false;
  #lastError: string | undefined;

  /**
   * @param task Returns whether it is content.
   * @param random From 0 to 1, for the pauses.
   */
  constructor(task: () => Promise<boolean>, random: () => number = Math.random) {
    this.#task = task;
    this.#random = random;
  }

  /** Why the last run failed, if it did. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Runs the task now, or soon again when it runs already. Settles when a run has ended. */
  run(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#again = this.#running !== undefined;
    return (this.#running ??= this.#run());
  }

  /** No run begins from now on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    let content = false;
    try {
      content = await this.#task();
      this.#lastError = undefined;
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error);
    }
    this.#running = undefined;
    if (content) this.#pauseMs = shortestPauseMs;
    if ((content && !this.#again) || this.#closed) return;
    this.#again = false;
    // Many clients lose the same server at the same moment.
    const pauseMs = this.#pauseMs * (0.75 + this.#random() / 2);
    this.#timer = setTimeout(() => void this.run(), pauseMs).unref();
    if (!content) this.#pauseMs = Math.min(pauseGrowth * this.#pauseMs, longestPauseMs);
  }
}

/** Waits for `promise`, which never rejects, until `due` (milliseconds of `performance.now()`). */
export async function settledBy(promise: Promise<unknown>, due: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.max(due - performance.now(), 0));
  });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}
