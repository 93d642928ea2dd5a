import { isKeepwarmError } from "../errors.ts";
import { Deadline } from "./deadline.ts";
import type { Gate } from "./gate.ts";
import type { Health } from "./health.ts";
import type { KvCallOptions } from "./types.ts";

/** Why a call was not made, or came to nothing. */
export type NoCall = "closed" | "busy" | "timeout" | "store-failed";

/** Calls of one kind: each in its turn and in its time. */
export class Calls {
  readonly gate: Gate;
  readonly #ms: number;
  readonly #health: Health;
  #closed = false;

  /** @param ms Milliseconds that a call may take, waiting included. */
  constructor(gate: Gate, ms: number, health: Health) {
    this.gate = gate;
    this.#ms = ms;
    this.#health = health;
  }

  /** Rejects with the reason of the caller's signal, and with what is no failure of a store. */
  async run<T>(
    { signal }: KvCallOptions,
    work: (deadline: Deadline) => Promise<T>,
  ): Promise<T | NoCall> {
    signal?.throwIfAborted();
    if (this.#closed) return "closed";
    if (!this.#health.isWell()) return "store-failed";
    using deadline = new Deadline(this.#ms, signal);
    try {
      return await this.gate.run(deadline.signal, () => work(deadline));
    } catch (error) {
      if (deadline.timedOut) return "timeout";
      if (isKeepwarmError(error)) return "store-failed";
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
  }
}
