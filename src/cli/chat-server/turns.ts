import { ChatProblem } from "./problem.ts";

interface Waiting {
  readonly start: (slot: number) => void;
}

/** Lets as many requests work as there are slots, and a limited number wait, in their order. */
export class Turns {
  readonly #free: number[];
  readonly #waiting = new Set<Waiting>();
  readonly #mostWaiting: number;

  constructor(slots: number, mostWaiting: number) {
    this.#free = Array.from({ length: slots }, (_, slot) => slot);
    this.#mostWaiting = mostWaiting;
  }

  /**
   * Does the work in a slot once one is free.
   *
   * @throws ChatProblem 429 when too many wait already; the signal's reason
   */
  async take<T>(signal: AbortSignal, work: (slot: number) => Promise<T>): Promise<T> {
    const slot = this.#free.shift() ?? (await this.#wait(signal));
    try {
      signal.throwIfAborted();
      return await work(slot);
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free.push(slot);
      else next.start(slot);
    }
  }

  #wait(signal: AbortSignal): Promise<number> {
    if (this.#waiting.size >= this.#mostWaiting)
      throw new ChatProblem(429, "too many requests wait already: try again later", {
        code: "queue_full",
      });
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiting);
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        start: (slot) => {
          this.#waiting.delete(waiting);
          signal.removeEventListener("abort", leave);
          resolve(slot);
        },
      };
      this.#waiting.add(waiting);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
