import { setMaxListeners } from "node:events";
import { KeepwarmError } from "../../errors.ts";
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
} from "../../store/contract.ts";
import { keyBytes } from "../../store/key-bytes.ts";
import { BlockReader } from "./block-reader.ts";
import { BlockWriter, rejected } from "./block-writer.ts";
import { Commands, type Call } from "./commands.ts";
import { StoreCounters } from "./counters.ts";
import { createLayout } from "./formats/index.ts";
import type { BlockKey, Found, Layout } from "./formats/layout.ts";
import { MemoryPool } from "./memory-pool.ts";
import { scanBlocks, scanKeys, type Walk } from "./scan.ts";
import {
  addServerStats,
  noServerStats,
  readServerStats,
  type ValkeyServerStats,
} from "./server-stats.ts";
import {
  resolveStoreOptions,
  type StoreSettings,
  type ValkeyStoreOptions,
} from "./store-options.ts";
import { summarize, type ValkeyStoreStats } from "./store-stats.ts";
import { createTopology } from "./topology/index.ts";
import type { Topology } from "./topology/topology.ts";
import { ValkeyBlock } from "./valkey-block.ts";

/** The longest value that Redis and Valkey take by default. */
const longestValueBytes = 512 * 1024 ** 2;

/** A block that {@link ValkeyStore.getInto} has read. */
export interface ReadInto {
  /** Length of the block. */
  readonly bytes: number;
  /** Milliseconds it had left, or `undefined` for no limit. */
  readonly ttlMs: number | undefined;
}

/**
 * Blocks on Valkey, Redis or Keepwarm servers: one, those that Sentinels name, or a cluster. Values
 * are read by the kernel into the memory where they stay, and written from where they lie, over
 * several connections. A server that fails costs one deadline; then it is not asked until it answers
 * a probe.
 *
 * @example
 * ```ts
 * const store = new ValkeyStore({ url: "valkey://cache-1:6379", prefix: "kw:" });
 * await store.put([{ key: "chunk-1", value: bytes, ttlMs: 3_600_000 }]);
 * const [block] = await store.get(["chunk-1"]);
 * ```
 */
export class ValkeyStore implements BlockStore {
  readonly name = "valkey";
  readonly capabilities: StoreCapabilities;
  readonly #settings: StoreSettings;
  readonly #topology: Topology;
  readonly #commands: Commands;
  readonly #layout: Layout;
  readonly #reader: BlockReader;
  readonly #writer: BlockWriter;
  readonly #pool: MemoryPool;
  readonly #counters = new StoreCounters();
  #serverStats = noServerStats;
  #closed = false;

  /**
   * Connects when it is first used; see {@link check}.
   *
   * @throws KeepwarmError `INPUT_INVALID` or `NOT_FOUND` for options that cannot be used
   */
  constructor(options: ValkeyStoreOptions | string = {}) {
    const settings = resolveStoreOptions(typeof options === "string" ? { url: options } : options);
    this.#settings = settings;
    this.#topology = createTopology(settings);
    this.#commands = new Commands(this.#topology);
    this.#layout = createLayout(settings, this.#commands);
    this.#pool = new MemoryPool(settings.recycleBytes);
    const maxBlockBytes = longestValueBytes - this.#layout.overheadBytes;
    this.#reader = new BlockReader(this.#layout, this.#counters, longestValueBytes);
    this.#writer = new BlockWriter(this.#layout, this.#counters, {
      maxBlockBytes,
      ttlMs: settings.ttlMs,
      mostUnderWay: settings.queueBytes / 2,
    });
    this.capabilities = Object.freeze({
      persistent: true,
      ttl: true,
      scan: true,
      evicts: true,
      maxBlockBytes,
    });
  }

  /**
   * Asks all servers for a sign of life: for those who want to know at start what would later be
   * misses.
   *
   * @throws KeepwarmError `CONNECTION_FAILED`, `TIMEOUT`, `REPLY` (wrong password and the like),
   *   `PROTOCOL`, `CLOSED`
   */
  async check(options: CallOptions = {}): Promise<void> {
    const call = this.#call(options);
    await this.#topology.ready(call.due);
    const nodes = this.#topology.nodes();
    if (nodes.length === 0)
      throw new KeepwarmError(
        this.#closed ? "CLOSED" : "CONNECTION_FAILED",
        this.#topology.lastError ?? `${this.#settings.url.label} names no server`,
      );
    await Promise.all(nodes.map((node) => this.#commands.ask(node, ["EXISTS", "kw"], call)));
  }

  async get(keys: readonly Key[], options: GetOptions = {}): Promise<(Block | undefined)[]> {
    const place = (_: number, length: number): Uint8Array => this.#pool.take(length);
    const found = await this.#read(keys, place, options);
    return found.map(
      (each) => each && new ValkeyBlock(each.value, each.ttlMs, each.memory, this.#pool),
    );
  }

  /**
   * {@link get} into memory of the caller's choice, such as slots of a RAM tier: `place` is asked for
   * it when the length of the block at `index` is known, and answers `undefined` for a block that
   * is not wanted, which then is a miss. The kernel reads raw formats straight into it; `native`
   * blocks are checked and copied there. The memory may be written until the promise settles, and
   * `place` may be asked again for the same block after a connection broke.
   */
  async getInto(
    keys: readonly Key[],
    place: (index: number, length: number) => Uint8Array | undefined,
    options: GetOptions = {},
  ): Promise<(ReadInto | undefined)[]> {
    const { framed } = this.#layout;
    const direct = framed ? (_: number, length: number) => this.#pool.take(length) : place;
    const copy = ({ value, memory, ttlMs }: Found, index: number): Found | undefined => {
      const destination = place(index, value.length);
      const fits = destination !== undefined && destination.length >= value.length;
      if (fits) destination.set(value);
      this.#pool.give(memory);
      return fits ? { value: destination.subarray(0, value.length), memory, ttlMs } : undefined;
    };
    const found = await this.#read(keys, direct, options, framed ? copy : undefined);
    return found.map((each) => each && { bytes: each.value.length, ttlMs: each.ttlMs });
  }

  async put(entries: readonly PutEntry[], options: PutOptions = {}): Promise<PutOutcome[]> {
    options.signal?.throwIfAborted();
    const keyspace = keyspaceOf(options);
    const blocks = entries.map(({ key }) => ({ key: keyBytes(key), keyspace }));
    if (this.#closed) return blocks.map(() => rejected("closed"));
    const began = performance.now();
    const call = this.#call(options);
    if (await this.#nobodyAnswers(call)) {
      this.#counters.rejected += blocks.length;
      this.#counters.failedWrites += blocks.length;
      return blocks.map(() => rejected("failed"));
    }
    const settled = await this.#writer.write(blocks, entries, call);
    this.#counters.put.record(performance.now() - began);
    options.signal?.throwIfAborted();
    return settled;
  }

  async match(keys: readonly Key[], options: CallOptions = {}): Promise<number> {
    const began = performance.now();
    const present = await this.has(keys, options);
    this.#counters.match.record(performance.now() - began);
    const missing = present.indexOf(false);
    return missing < 0 ? present.length : missing;
  }

  async has(keys: readonly Key[], options: CallOptions = {}): Promise<boolean[]> {
    const present = await this.#count("EXISTS", keys, (key) => this.#layout.presence(key), options);
    return present.map((counts) => counts.every((count) => count > 0));
  }

  async delete(keys: readonly Key[], options: CallOptions = {}): Promise<number> {
    const unique = [...new Map(keys.map((key) => [latin1(key), key])).values()];
    const gone = await this.#count("DEL", unique, (key) => this.#layout.removal(key), options);
    return gone.filter(([first]) => first > 0).length;
  }

  /** @throws KeepwarmError when a server fails: a list that ends early must not pass for a whole. */
  async *scan(options: ScanOptions = {}): AsyncGenerator<EntryInfo> {
    options.signal?.throwIfAborted();
    if (this.#closed) return;
    await this.#topology.ready(this.#call(options).due);
    yield* scanBlocks(this.#commands, this.#topology.nodes(), this.#layout, this.#walk(options));
  }

  /**
   * How many blocks {@link scan} would list, such as those of a model: in steps of which none keeps a
   * server from its other work, so it takes its time.
   *
   * @throws KeepwarmError when a server fails
   */
  async countBlocks(options: ScanOptions = {}): Promise<number> {
    options.signal?.throwIfAborted();
    if (this.#closed) return 0;
    await this.#topology.ready(this.#call(options).due);
    const nodes = this.#topology.nodes();
    let count = 0;
    for await (const keys of scanKeys(this.#commands, nodes, this.#layout, this.#walk(options)))
      count += keys.length;
    return count;
  }

  /** Counters of this store; sizes are those that {@link serverStats} found last, else 0. */
  stats(): ValkeyStoreStats {
    const nodes = this.#topology.nodes().map((node) => node.stats());
    return summarize(this.name, this.#counters, this.#serverStats, nodes, this.#commands);
  }

  /**
   * Asks all servers for INFO and DBSIZE, which take the same short time however much they hold.
   * Servers that do not answer are left out.
   */
  async serverStats(options: CallOptions = {}): Promise<ValkeyServerStats> {
    const call = this.#call(options);
    await this.#topology.ready(call.due);
    const nodes = this.#topology.nodes();
    const all = await Promise.allSettled(
      nodes.map((node) => readServerStats(this.#commands, node, call)),
    );
    options.signal?.throwIfAborted();
    this.#serverStats = all
      .flatMap((each) => (each.status === "fulfilled" ? each.value : []))
      .reduce(addServerStats, noServerStats);
    return this.#serverStats;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#topology.close();
    this.#pool.clear();
  }

  async #read(
    keys: readonly Key[],
    place: (index: number, length: number) => Uint8Array | undefined,
    options: GetOptions,
    move: (found: Found, index: number) => Found | undefined = (found) => found,
  ): Promise<(Found | undefined)[]> {
    options.signal?.throwIfAborted();
    const keyspace = keyspaceOf(options);
    const blocks = keys.map((key) => ({ key: keyBytes(key), keyspace }));
    const began = performance.now();
    const call = this.#call(options);
    if (this.#closed || (await this.#nobodyAnswers(call))) {
      if (!this.#closed) this.#counters.failedReads += blocks.length;
      this.#counters.misses += blocks.length;
      options.signal?.throwIfAborted();
      return blocks.map(() => undefined);
    }
    const read = await this.#reader.read(blocks, place, call);
    options.signal?.throwIfAborted();
    const found = read.map((each, index) => each && move(each, index));
    const counters = this.#counters;
    for (const each of found)
      if (each === undefined) counters.misses++;
      else {
        counters.hits++;
        counters.hitBytes += each.value.length;
      }
    counters.get.record(performance.now() - began);
    return found;
  }

  /** The counts that a command answers for all names of each key; 0 where it failed. */
  async #count(
    command: "EXISTS" | "DEL",
    keys: readonly Key[],
    namesOf: (key: BlockKey) => readonly Buffer[],
    options: CallOptions,
  ): Promise<number[][]> {
    options.signal?.throwIfAborted();
    const keyspace = keyspaceOf(options);
    const names = keys.map((key) => namesOf({ key: keyBytes(key), keyspace }));
    if (this.#closed) return names.map((some) => some.map(() => 0));
    const call = this.#call(options);
    if (await this.#nobodyAnswers(call)) {
      this.#counters.failedLookups += names.length;
      options.signal?.throwIfAborted();
      return names.map((some) => some.map(() => 0));
    }
    const lookups = names.flat().map((name) => ({ name, args: [command, name] }));
    const replies = await this.#commands.lookups(lookups, call, command === "EXISTS");
    let at = 0;
    return names.map((some) =>
      some.map(() => {
        const reply = replies[at++];
        if (typeof reply === "number") return reply;
        this.#counters.failed("failedLookups", reply);
        return 0;
      }),
    );
  }

  /** Whether there is no server worth asking: then a whole batch fails at once. */
  async #nobodyAnswers({ due }: Call): Promise<boolean> {
    await this.#topology.ready(due);
    for (const node of this.#topology.nodes()) if (node.available) return false;
    this.#counters.lastError = this.#topology.lastError ?? this.#counters.lastError;
    return true;
  }

  #walk(options: ScanOptions): Walk {
    return {
      prefix: options.prefix === undefined ? new Uint8Array(0) : Buffer.from(options.prefix),
      keyspace: keyspaceOf(options),
      call: () => this.#call(options),
    };
  }

  #call({ signal }: CallOptions): Call {
    // A batch listens once for each block.
    if (signal !== undefined) setMaxListeners(0, signal);
    return { due: performance.now() + this.#settings.deadlineMs, signal };
  }
}

function keyspaceOf({ keyspace = 0 }: CallOptions): number {
  if (!Number.isInteger(keyspace) || keyspace < 0 || keyspace > 255)
    throw new TypeError(`a keyspace is a whole number from 0 to 255, this one is ${keyspace}`);
  return keyspace;
}

function latin1(key: Key): string {
  return Buffer.from(keyBytes(key)).toString("latin1");
}
