import type { BlockStore, CallOptions } from "../store/contract.ts";
import type { KvPin } from "./types.ts";
import { setPinned } from "./where.ts";

/** Who pins which key how often, since a store only knows whether. */
export class Pins {
  readonly #store: BlockStore;
  readonly #call: CallOptions;
  readonly #counts = new Map<string, number>();

  constructor(store: BlockStore, call: CallOptions) {
    this.#store = store;
    this.#call = call;
  }

  /** Pins keys that are there; what ends it, or nothing where the store cannot. */
  pin(keys: readonly string[]): (() => void) | undefined {
    const pinned = keys.filter((key) => setPinned(this.#store, key, this.#call, true));
    if (pinned.length < keys.length) {
      this.#unpin(pinned.filter((key) => !this.#counts.has(key)));
      return undefined;
    }
    for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return () => this.#release(keys);
  }

  #release(keys: readonly string[]): void {
    const last = keys.filter((key) => this.#counts.get(key) === 1);
    for (const key of keys) this.#counts.set(key, this.#counts.get(key)! - 1);
    for (const key of last) this.#counts.delete(key);
    this.#unpin(last);
  }

  #unpin(keys: readonly string[]): void {
    for (const key of keys) setPinned(this.#store, key, this.#call, false);
  }
}

/** A hold that `release` ends, once. */
export function pinOf(tokens: number, how: KvPin["how"], release: () => void): KvPin {
  let held = true;
  const end = (): void => {
    if (held) release();
    held = false;
  };
  return { tokens, how, release: end, [Symbol.dispose]: end };
}
