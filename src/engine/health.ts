import type { BlockStore, Key } from "../store/contract.ts";
import { Deadline } from "./deadline.ts";
import { failuresOf } from "./where.ts";

/** Whether a store answers a question of no interest in time. */
export async function answers(
  store: BlockStore,
  key: Key,
  { deadlineMs, keyspace }: { readonly deadlineMs: number; readonly keyspace: number },
): Promise<boolean> {
  const failures = failuresOf(store);
  using deadline = new Deadline(deadlineMs, undefined);
  await deadline.race((signal) => store.has([key], { signal, keyspace }));
  return failuresOf(store) === failures;
}

/**
 * Whether a store answers. One that let a call wait in vain is not asked again until it answers a probe, for
 * which nobody waits: a store that hangs costs one call its deadline, not every call.
 */
export class Health {
  readonly #probe: () => Promise<boolean>;
  readonly #restMs: number;
  #well = true;
  #probing = false;
  #restsUntil = 0;

  /**
   * @param probe whether the store answers, within a time of its own; rejects for no as well
   * @param restMs milliseconds between probes
   */
  constructor(probe: () => Promise<boolean>, restMs: number) {
    this.#probe = probe;
    this.#restMs = restMs;
  }

  /** Whether to ask the store. Begins a probe when one is due. */
  isWell(): boolean {
    if (!this.#well && !this.#probing && performance.now() >= this.#restsUntil) void this.#ask();
    return this.#well;
  }

  /** A call waited in vain. */
  failed(): void {
    this.#well = false;
    this.#rest();
  }

  async #ask(): Promise<void> {
    this.#probing = true;
    this.#well = await this.#probe().catch(() => false);
    this.#probing = false;
    this.#rest();
  }

  #rest(): void {
    this.#restsUntil = performance.now() + this.#restMs;
  }
}
