import type { Block } from "./block.ts";
import type {
  BlockStore,
  CallOptions,
  EntryInfo,
  GetOptions,
  Key,
  PutEntry,
  PutOptions,
  PutOutcome,
  ScanOptions,
  StoreCapabilities,
  StoreStats,
} from "./contract.ts";
import { keyBytes } from "./key-bytes.ts";

/**
 * Several stores as one, nearest first: reads take each block from the nearest that has it and copy
 * it to those before; writes go to all. A store that turns a block down does not keep the others from
 * having it.
 *
 * @example
 * ```ts
 * const store = new TieredStore([new RamStore({ capacityBytes: 8 * 1024 ** 3 })]);
 * ```
 */
export class TieredStore implements BlockStore {
  readonly name = "tiered";
  readonly capabilities: StoreCapabilities;
  readonly tiers: readonly BlockStore[];
  #hits = 0;
  #misses = 0;
  #hitBytes = 0;

  constructor(tiers: readonly BlockStore[]) {
    if (tiers.length === 0) throw new TypeError("a tiered store needs at least one tier");
    this.tiers = [...tiers];
    const all = tiers.map(({ capabilities }) => capabilities);
    this.capabilities = Object.freeze({
      persistent: all.some(({ persistent }) => persistent),
      ttl: all.every(({ ttl }) => ttl),
      scan: all.every(({ scan }) => scan),
      evicts: all.every(({ evicts }) => evicts),
      maxBlockBytes: Math.max(...all.map(({ maxBlockBytes }) => maxBlockBytes)),
    });
  }

  async get(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]> {
    const found = keys.map((): Block | undefined => undefined);
    let missing = keys.map((_, index) => index);
    for (const [depth, tier] of this.tiers.entries()) {
      if (missing.length === 0 && depth > 0) break;
      const blocks = await tier.get(
        missing.map((index) => keys[index]),
        options,
      );
      for (const [at, index] of missing.entries()) found[index] = blocks[at];
      if (depth > 0) await this.#promote(depth, missing, keys, found, options);
      missing = missing.filter((index) => found[index] === undefined);
    }
    for (const block of found)
      if (block === undefined) this.#misses++;
      else {
        this.#hits++;
        this.#hitBytes += block.bytes.length;
      }
    return found;
  }

  async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    const [first, ...others] = await Promise.all(
      this.tiers.map((tier) => tier.put(entries, options)),
    );
    return first.map((outcome, index) =>
      outcome.status === "rejected"
        ? (others.find((outcomes) => outcomes[index].status !== "rejected")?.[index] ?? outcome)
        : outcome,
    );
  }

  async match(keys: readonly Key[], options?: CallOptions): Promise<number> {
    let matched = 0;
    let before: number;
    // A chain may lie by turns in one tier and another: go on until none knows the next key.
    do {
      before = matched;
      for (const tier of this.tiers) matched += await tier.match(keys.slice(matched), options);
    } while (this.tiers.length > 1 && before < matched && matched < keys.length);
    return matched;
  }

  async has(keys: readonly Key[], options?: CallOptions): Promise<boolean[]> {
    const answers = await Promise.all(this.tiers.map((tier) => tier.has(keys, options)));
    return keys.map((_, index) => answers.some((answer) => answer[index]));
  }

  async delete(keys: readonly Key[], options?: CallOptions): Promise<number> {
    const unique = [...new Map(keys.map((key) => [idOf(key), key])).values()];
    const present = await this.has(unique, options);
    await Promise.all(this.tiers.map((tier) => tier.delete(unique, options)));
    return present.filter(Boolean).length;
  }

  async *scan(options?: ScanOptions): AsyncGenerator<EntryInfo> {
    const seen = new Set<string>();
    for (const [depth, tier] of this.tiers.entries()) {
      const last = depth === this.tiers.length - 1;
      for await (const entry of tier.scan(options)) {
        const id = idOf(entry.key);
        if (seen.has(id)) continue;
        if (!last) seen.add(id);
        yield entry;
      }
    }
  }

  /** Sizes are those of all tiers together; hits and misses those of this store's callers. */
  stats(): StoreStats {
    const all = this.tiers.map((tier) => tier.stats());
    const sum = (pick: (stats: StoreStats) => number): number =>
      all.reduce((total, stats) => total + pick(stats), 0);
    return {
      name: this.name,
      capacityBytes: sum(({ capacityBytes }) => capacityBytes),
      usedBytes: sum(({ usedBytes }) => usedBytes),
      valueBytes: sum(({ valueBytes }) => valueBytes),
      blocks: sum(({ blocks }) => blocks),
      hits: this.#hits,
      misses: this.#misses,
      hitBytes: this.#hitBytes,
      stored: all[0].stored,
      storedBytes: all[0].storedBytes,
      evicted: sum(({ evicted }) => evicted),
      evictedBytes: sum(({ evictedBytes }) => evictedBytes),
      expired: sum(({ expired }) => expired),
      rejected: sum(({ rejected }) => rejected),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.tiers.map((tier) => tier.close()));
  }

  /** Copies what the tier at `depth` had to those before it. */
  async #promote(
    depth: number,
    indexes: readonly number[],
    keys: readonly Key[],
    found: readonly (Block | undefined)[],
    options: CallOptions | undefined,
  ): Promise<void> {
    const entries: PutEntry[] = [];
    for (const index of indexes) {
      const block = found[index];
      if (block === undefined) continue;
      const { bytes: value, ttlMs } = block;
      const entry = { key: keys[index], value, ifAbsent: true };
      entries.push(ttlMs === undefined ? entry : { ...entry, ttlMs });
    }
    if (entries.length === 0) return;
    await Promise.all(this.tiers.slice(0, depth).map((tier) => tier.put(entries, options)));
  }
}

function idOf(key: Key): string {
  return Buffer.from(keyBytes(key)).toString("latin1");
}
