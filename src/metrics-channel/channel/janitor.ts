import type { ChannelCounters } from "./counters.ts";
import type { ChannelServer } from "./server.ts";

/** Names of PITA's lists, which its writers leave without an expiry. */
export const pythonListPatterns: readonly string[] = ["my_request_*", "tensorrt_*"];

export interface SweepOptions {
  /**
   * Glob patterns of lists in the Python form that are looked after as well, such as
   * `pythonListPatterns`. Default none: such names can be anybody's.
   */
  readonly lists?: readonly string[] | undefined;
}

/** Finds what dead writers of other programs left behind, and lets it expire. */
export class Janitor {
  readonly #server: ChannelServer;
  readonly #counters: ChannelCounters;
  readonly #pattern: string;
  readonly #ttlMs: number;

  constructor(server: ChannelServer, counters: ChannelCounters, pattern: string, ttlMs: number) {
    this.#server = server;
    this.#counters = counters;
    this.#pattern = pattern;
    this.#ttlMs = ttlMs;
  }

  /** Gives an expiry to every key that has none: it may be in use, so it is not deleted. */
  async sweep({ lists = [] }: SweepOptions): Promise<number> {
    let orphans = await this.#sweepPattern(this.#pattern, "hash");
    for (const pattern of lists) orphans += await this.#sweepPattern(pattern, "list");
    this.#counters.orphans += orphans;
    return orphans;
  }

  async #sweepPattern(pattern: string, type: "hash" | "list"): Promise<number> {
    let orphans = 0;
    for await (const keys of this.#server.keys(pattern)) {
      if (keys.length === 0) continue;
      const replies = await this.#server.ask(
        keys.flatMap((key) => [
          ["PTTL", key],
          ["TYPE", key],
        ]),
      );
      const forever = keys.filter(
        (_, index) => replies[2 * index] === -1 && replies[2 * index + 1] === type,
      );
      await this.#server.ask(forever.map((key) => ["PEXPIRE", key, String(this.#ttlMs)]));
      orphans += forever.length;
    }
    return orphans;
  }
}
