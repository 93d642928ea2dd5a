/** A call's time: ends with the caller's signal, or when it is up. */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = (): void => this.#controller.abort(this.#caller?.reason);
  #timedOut = false;

  /** @param ms Milliseconds that the call may take. */
  constructor(ms: number, caller: AbortSignal | undefined) {
    caller?.throwIfAborted();
    this.#caller = caller;
    caller?.addEventListener("abort", this.#stop, { once: true });
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#controller.abort();
    }, ms);
    this.#timer.unref();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the time was up, and it was not the caller who gave up. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /**
   * What `work` resolves to, or a rejection at the deadline even if `work` goes on; what it brings later is
   * given to `late`.
   */
  race<T>(work: (signal: AbortSignal) => Promise<T>, late?: (value: T) => void): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(signal.reason as Error);
      if (signal.aborted) return giveUp();
      signal.addEventListener("abort", giveUp, { once: true });
      const finish = async (): Promise<void> => {
        try {
          const value = await work(signal);
          if (signal.aborted) late?.(value);
          resolve(value);
        } catch (error) {
          reject(error);
        } finally {
          signal.removeEventListener("abort", giveUp);
        }
      };
      void finish();
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#stop);
  }
}
