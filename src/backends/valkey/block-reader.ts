import { KeepwarmError } from "../../errors.ts";
import type { Call } from "./commands.ts";
import type { StoreCounters } from "./counters.ts";
import type { BlockKey, Found, Layout } from "./formats/layout.ts";

/** Reads blocks; what cannot be had is not there, and counted. */
export class BlockReader {
  readonly #layout: Layout;
  readonly #counters: StoreCounters;
  readonly #longestBytes: number;

  /** @param longestBytes Longer values are dropped: no server has them, whatever it says. */
  constructor(layout: Layout, counters: StoreCounters, longestBytes: number) {
    this.#layout = layout;
    this.#counters = counters;
    this.#longestBytes = longestBytes;
  }

  read(
    blocks: readonly BlockKey[],
    place: (index: number, length: number) => Uint8Array | undefined,
    call: Call,
  ): Promise<(Found | undefined)[]> {
    const bounded = (index: number, length: number): Uint8Array | undefined =>
      length > this.#longestBytes ? undefined : place(index, length);
    return Promise.all(
      blocks.map((block, index) => this.#read(block, (length) => bounded(index, length), call)),
    );
  }

  async #read(
    block: BlockKey,
    place: (length: number) => Uint8Array | undefined,
    call: Call,
  ): Promise<Found | undefined> {
    try {
      const found = await this.#layout.read(block, place, call);
      if (typeof found !== "string") return found;
      if (found === "damaged") this.#counters.damaged++;
    } catch (error) {
      // The whole batch is about to end with the caller's own reason.
      if (call.signal?.aborted === true) return undefined;
      if (!(error instanceof KeepwarmError)) throw error;
      this.#counters.failed("failedReads", error);
    }
    return undefined;
  }
}
