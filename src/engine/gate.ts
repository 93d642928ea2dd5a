interface Waiting {
  readonly fits: () => boolean;
  readonly enter: () => void;
}

/** Lets a bounded number of calls, holding a bounded number of bytes, be at work; others wait in order. */
export class Gate {
  readonly #concurrency: number;
  readonly #queueCalls: number;
  readonly #queueBytes: number;
  readonly #calls: Waiting[] = [];
  readonly #bytes: Waiting[] = [];
  active = 0;
  heldBytes = 0;

  constructor(concurrency: number, queueCalls: number, queueBytes: number) {
    this.#concurrency = concurrency;
    this.#queueCalls = queueCalls;
    this.#queueBytes = queueBytes;
  }

  get waiting(): number {
    return this.#calls.length + this.#bytes.length;
  }

  /** Runs `work` in its turn; `"busy"` when too many wait. Rejects when `signal` fires before its turn. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | "busy"> {
    const fits = (): boolean => this.active < this.#concurrency;
    if (!fits() || this.#calls.length > 0) {
      if (this.#calls.length >= this.#queueCalls) return "busy";
      await this.#wait(this.#calls, fits, () => this.active++, signal);
    } else this.active++;
    try {
      return await work();
    } finally {
      this.active--;
      this.#admit(this.#calls);
    }
  }

  /** Whether `bytes` can be held now. One call alone may hold more than all may together. */
  hasRoom(bytes: number): boolean {
    return this.heldBytes === 0 || this.heldBytes + bytes <= this.#queueBytes;
  }

  /** Waits until `bytes` can be held. Give them back with {@link release}. */
  async hold(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.hasRoom(bytes) && this.#bytes.length === 0) this.heldBytes += bytes;
    else
      await this.#wait(
        this.#bytes,
        () => this.hasRoom(bytes),
        () => (this.heldBytes += bytes),
        signal,
      );
  }

  release(bytes: number): void {
    this.heldBytes -= bytes;
    this.#admit(this.#bytes);
  }

  #wait(
    queue: Waiting[],
    fits: () => boolean,
    take: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        queue.splice(queue.indexOf(waiting), 1);
        this.#admit(queue);
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        fits,
        enter: () => {
          signal.removeEventListener("abort", giveUp);
          take();
          resolve();
        },
      };
      signal.addEventListener("abort", giveUp, { once: true });
      queue.push(waiting);
    });
  }

  #admit(queue: Waiting[]): void {
    for (let next = queue[0]; next?.fits(); next = queue[0]) {
      queue.shift();
      next.enter();
    }
  }
}
