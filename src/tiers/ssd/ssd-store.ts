import type { Block } from "../../store/block.ts";
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
} from "../../store/contract.ts";
import { keyBytes } from "../../store/key-bytes.ts";
import { PAGE_BYTES, pagesFor } from "./layout.ts";
import type { ValueSource } from "./log-item.ts";
import { SsdTier, type SsdTierOptions } from "./ssd-tier.ts";
import type { StagingRun } from "./staging.ts";
import { OWN_PAGES_BYTES, VALUE_OFFSET } from "./value-pages.ts";

const STORED: PutOutcome = { status: "stored" };
const EXISTS: PutOutcome = { status: "exists" };

/**
 * The SSD tier as a BlockStore: for programs that keep blocks on disk only. A put resolves when the
 * value is written, and synced if durability is `"fsync"`.
 *
 * @example
 * ```ts
 * const store = await SsdStore.open({ directory: "/mnt/nvme/kv", capacityBytes: 100 * 1024 ** 3 });
 * ```
 */
export class SsdStore implements BlockStore {
  readonly name = "ssd";
  readonly capabilities: StoreCapabilities;
  readonly tier: SsdTier;
  /** Puts under way, by row. */
  readonly #writing = new Map<number, Promise<PutOutcome>>();
  #closed = false;

  private constructor(tier: SsdTier) {
    this.tier = tier;
    this.capabilities = Object.freeze({
      persistent: true,
      ttl: true,
      scan: true,
      evicts: true,
      maxBlockBytes: Math.min(tier.maxBlockBytes, tier.staging.capacityBytes / 2),
    });
  }

  /** Resolves when the index is loaded. Throws as {@link SsdTier.open} does. */
  static async open(options: SsdTierOptions): Promise<SsdStore> {
    const tier = await SsdTier.open({ stagingBytes: 256 * 1024 ** 2, ...options });
    await tier.loaded();
    return new SsdStore(tier);
  }

  async get(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]> {
    options?.signal?.throwIfAborted();
    const rows = this.#findAll(keys, options);
    const writing = rows.flatMap((row) => this.#writing.get(row) ?? []);
    if (writing.length > 0) {
      await Promise.all(writing);
      return this.get(keys, options);
    }
    return Promise.all(rows.map((row) => this.#read(row)));
  }

  async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    options?.signal?.throwIfAborted();
    const keyspace = options?.keyspace ?? 0;
    const keys = entries.map(({ key }) => Buffer.from(keyBytes(key)));
    const lastOf = new Map(keys.map((key, index) => [key.toString("latin1"), index]));
    const outcomes = Array.from<Promise<PutOutcome>>({ length: entries.length });
    // Backwards, so that the first of a chain is written last; of one key twice, the later wins.
    for (let i = entries.length - 1; i >= 0; i--) {
      const last = lastOf.get(keys[i].toString("latin1"));
      if (last === i) outcomes[i] = this.#put(keys[i], entries[i], keyspace);
      else outcomes[i] = Promise.resolve(STORED);
      if (this.tier.isFull(0)) await outcomes[i];
    }
    // Before that not all of them are given to the tier.
    const done = await Promise.all(outcomes);
    if ((await this.tier.settled()) === "durable") return done;
    return done.map((outcome) =>
      outcome.status === "stored" && this.tier.durability === "fsync"
        ? { status: "rejected", reason: "failed" }
        : outcome,
    );
  }

  async match(keys: readonly Key[], options?: CallOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    const rows = this.#findAll(keys, options);
    const missing = rows.indexOf(0);
    const present = missing < 0 ? rows.length : missing;
    for (const row of rows.slice(0, present)) this.tier.touch(row);
    return present;
  }

  async has(keys: readonly Key[], options?: CallOptions): Promise<boolean[]> {
    options?.signal?.throwIfAborted();
    return this.#findAll(keys, options).map((row) => row !== 0);
  }

  async delete(keys: readonly Key[], options?: CallOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    const present = new Set(this.#findAll(keys, options));
    present.delete(0);
    for (const row of present) if (this.tier.index.isPresent(row)) this.tier.remove(row);
    await this.tier.settled();
    return present.size;
  }

  async *scan(options?: ScanOptions): AsyncGenerator<EntryInfo> {
    const { tier } = this;
    const keyspace = options?.keyspace ?? 0;
    const prefix = options?.prefix === undefined ? undefined : Buffer.from(options.prefix);
    for (let row = 1; row < tier.end; row++) {
      options?.signal?.throwIfAborted();
      if (!tier.isPresent(row) || tier.keyspace(row) !== keyspace) continue;
      const key = tier.key(row);
      if (prefix !== undefined && !key.subarray(0, prefix.length).equals(prefix)) continue;
      const ttlMs = this.#ttlMs(row);
      if (ttlMs !== undefined && ttlMs <= 0) continue;
      yield {
        key: Buffer.from(key),
        bytes: tier.length(row),
        ttlMs,
        idleMs: tier.idleMs(row),
        hits: tier.hits(row),
      };
    }
  }

  stats(): StoreStats {
    return this.tier.stats();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.tier.close();
  }

  /** Rows by key, also of values that are being written; 0 where there is none. */
  #findAll(keys: readonly Key[], options: CallOptions | undefined): number[] {
    const keyspace = options?.keyspace ?? 0;
    const rows = keys.map((key) => {
      const bytes = keyBytes(key);
      if (this.#closed) return 0;
      const row = this.tier.find(bytes, 0, bytes.length, keyspace);
      return row === 0 ? this.tier.locate(bytes, 0, bytes.length, keyspace) : row;
    });
    // An expiry met on the way takes its pair's other half along, which may have been found before.
    return rows.map((row) => (row !== 0 && this.tier.index.isPresent(row) ? row : 0));
  }

  #ttlMs(row: number): number | undefined {
    const at = this.tier.expiresAt(row);
    return at === 0 ? undefined : at - this.tier.now();
  }

  async #read(row: number): Promise<Block | undefined> {
    const { tier } = this;
    if (row === 0) {
      tier.countMiss();
      return undefined;
    }
    const { index } = tier;
    const length = index.length(row);
    const offset = index.position(row) % PAGE_BYTES;
    const ttlMs = this.#ttlMs(row);
    const run = tier.staging.tryTake(Math.max(1, pagesFor(offset + length)));
    if (run === undefined) {
      tier.counters.failedReads++;
      return undefined;
    }
    if (await tier.readPages(row, run.memory)) return new SsdBlock(run, offset, length, ttlMs);
    run.release();
    return undefined;
  }

  async #put(key: Buffer, entry: PutEntry, keyspace: number): Promise<PutOutcome> {
    const { tier } = this;
    if (this.#closed) return { status: "rejected", reason: "closed" };
    const present = tier.locate(key, 0, key.length, keyspace);
    if (present !== 0 && entry.ifAbsent === true) return EXISTS;
    const parts: readonly Uint8Array[] =
      entry.value instanceof Uint8Array ? [entry.value] : entry.value;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length > this.capabilities.maxBlockBytes) {
      if (present !== 0) tier.remove(present);
      return { status: "rejected", reason: "too-large" };
    }
    const source = await this.#copy(parts, length);
    const expiresAt = entry.ttlMs === undefined ? 0 : tier.now() + entry.ttlMs;
    let row = 0;
    const outcome = new Promise<PutOutcome>((resolve) => {
      row = tier.put(key, keyspace, expiresAt, source, (written) => {
        resolve(written ? STORED : { status: "rejected", reason: "failed" });
      });
    });
    if (row !== 0) void this.#noteWriting(row, outcome);
    tier.writeNow();
    return outcome;
  }

  async #noteWriting(row: number, outcome: Promise<PutOutcome>): Promise<void> {
    this.#writing.set(row, outcome);
    await outcome;
    if (this.#writing.get(row) === outcome) this.#writing.delete(row);
  }

  async #copy(parts: readonly Uint8Array[], length: number): Promise<ValueSource> {
    if (length < OWN_PAGES_BYTES)
      return { value: Buffer.concat(parts), pages: undefined, offset: 0, release: () => undefined };
    const run = await this.tier.staging.take(pagesFor(VALUE_OFFSET + length));
    const value = run.memory.subarray(VALUE_OFFSET, VALUE_OFFSET + length);
    let at = 0;
    for (const part of parts) {
      value.set(part, at);
      at += part.length;
    }
    return { value, pages: run.memory, offset: VALUE_OFFSET, release: () => run.release() };
  }
}

class SsdBlock implements Block {
  readonly bytes: Uint8Array;
  readonly ttlMs: number | undefined;
  readonly #run: StagingRun;

  constructor(run: StagingRun, offset: number, length: number, ttlMs: number | undefined) {
    this.#run = run;
    this.bytes = run.memory.subarray(offset, offset + length);
    this.ttlMs = ttlMs;
  }

  release(): void {
    this.#run.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
