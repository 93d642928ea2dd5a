import { openStore } from "../backends/registry.ts";
import { silentLogger, type Logger } from "../observe/logger.ts";
import type { Block } from "../store/block.ts";
import type { BlockStore } from "../store/contract.ts";
import { Calls } from "./calls.ts";
import { EngineCounters } from "./counters.ts";
import { Fetch, releaseAll } from "./fetcher.ts";
import { findChunks, namesFrom } from "./finder.ts";
import { Gate } from "./gate.ts";
import { answers, Health } from "./health.ts";
import { checkNamespace } from "./namespace.ts";
import { pinOf, Pins } from "./pins.ts";
import { ChainMaker, type PromptChain } from "./prompt-chain.ts";
import { lookupResult, retrieveResult, storeResult, unsettled } from "./results.ts";
import { type EngineSettings, settingsOf } from "./settings.ts";
import { Storer } from "./storer.ts";
import type {
  ChunkOutcome,
  ChunkSource,
  ChunkValue,
  KvCallOptions,
  KvEngineOptions,
  KvEngineStats,
  KvPin,
  KvStoreOptions,
  LookupOptions,
  LookupResult,
  MissReason,
  PromptTokens,
  RetrieveOptions,
  RetrieveResult,
  StoreResult,
} from "./types.ts";
import { failuresOf, hasTiers } from "./where.ts";

/**
 * Keeps what an engine computed for prompts, chunk by chunk, under names that say which tokens stand before,
 * in any store; so that whoever meets a prompt with the same beginning need not compute it again.
 *
 * A store that is dead, slow or lies costs its deadline at most and is a miss with its reason, never an
 * exception. Rejections are the caller's own `signal`, and mistakes (`TypeError`).
 *
 * @example
 * ```ts
 * const store = new RamStore({ capacityBytes: 1024 ** 3 });
 * const engine = await KvEngine.open({ store, namespace: { model: "llama-3.1-8b", dtype: "bfloat16" } });
 * await engine.store(tokens, ({ start, end }) => valueOf(start, end));
 * using found = await engine.retrieve(tokens);
 * ```
 *
 * @example On another machine:
 * ```ts
 * const namespace = { model: "llama-3.1-8b", dtype: "bfloat16" };
 * const engine = await KvEngine.open({ store: "valkey://cache-1:6379", namespace });
 * const { status, prefixTokens } = await engine.lookup(tokens);
 * ```
 */
export class KvEngine implements AsyncDisposable {
  /** Where the blocks are. */
  readonly blocks: BlockStore;
  readonly #settings: EngineSettings;
  readonly #chains: ChainMaker;
  readonly #health: Health;
  readonly #reads: Calls;
  readonly #writes: Calls;
  readonly #pins: Pins;
  readonly #logger: Logger;
  readonly #ownsStore: boolean;
  readonly #counters = new EngineCounters();

  private constructor(store: BlockStore, options: KvEngineOptions) {
    const settings = settingsOf(options);
    this.blocks = store;
    this.#settings = settings;
    this.#chains = new ChainMaker(settings.chunkSize, checkNamespace(options.namespace));
    const { concurrency, queueCalls, queueBytes, deadlineMs, storeDeadlineMs } = settings;
    const { key } = this.#chains.chain([]).tailList(0);
    const probe = (): Promise<boolean> => answers(store, key, settings);
    const health = new Health(probe, deadlineMs);
    this.#health = health;
    this.#reads = new Calls(new Gate(concurrency, queueCalls, 0), deadlineMs, health);
    this.#writes = new Calls(
      new Gate(concurrency, queueCalls, queueBytes),
      storeDeadlineMs,
      health,
    );
    this.#pins = new Pins(store, { keyspace: settings.keyspace });
    this.#logger = options.logger ?? silentLogger;
    this.#ownsStore = typeof options.store === "string";
  }

  /**
   * Opens an engine; a store named by its URL connects when it is first used.
   *
   * @throws KeepwarmError `INPUT_INVALID` or `NOT_FOUND` for a URL or namespace that cannot be used
   * @throws TypeError for numbers out of their range
   */
  static async open(options: KvEngineOptions): Promise<KvEngine> {
    settingsOf(options);
    checkNamespace(options.namespace);
    const { store, logger = silentLogger } = options;
    return new KvEngine(
      typeof store === "string" ? await openStore(store, logger) : store,
      options,
    );
  }

  /** Tokens of a chunk. */
  get chunkSize(): number {
    return this.#settings.chunkSize;
  }

  /** How much of a prompt is there, and where, without moving it. */
  async lookup(tokens: PromptTokens, options: LookupOptions = {}): Promise<LookupResult> {
    const chain = this.#chains.chain(tokens);
    this.#counters.lookups++;
    const { tail = true } = options;
    const wanted = chain.tokens.length;
    let reason: MissReason = "absent";
    const found = await this.#reads.run(options, async (deadline) => {
      const failures = failuresOf(this.blocks);
      const chunks = await deadline.race((signal) =>
        findChunks(this.blocks, chain, { tail, maxTokens: wanted, ...this.#options(signal) }),
      );
      reason = this.#whyNotMore(chain, chunks.at(-1)?.end ?? 0, failures);
      return chunks;
    });
    const chunks = typeof found === "string" ? [] : found;
    if (typeof found === "string") reason = found;
    if (found === "timeout") this.#health.failed();
    const result = lookupResult(wanted, chunks.at(-1)?.end ?? 0, chunks, reason);
    this.#counters.found(result, wanted);
    return result;
  }

  /** The values of as much of a prompt as is there, checked. Release the result soon. */
  async retrieve(tokens: PromptTokens, options: RetrieveOptions = {}): Promise<RetrieveResult> {
    const chain = this.#chains.chain(tokens);
    this.#counters.retrieves++;
    const { tail = true, maxTokens = chain.tokens.length, into } = options;
    const wanted = Math.min(maxTokens, chain.tokens.length);
    const fetch = new Fetch(into, wanted);
    const began = performance.now();
    let foundAt: number | undefined;
    let reason: MissReason = "absent";
    const problem = await this.#reads
      .run(options, async (deadline) => {
        const failures = failuresOf(this.blocks);
        const call = this.#options(deadline.signal);
        const found = await deadline.race(() =>
          findChunks(this.blocks, chain, { tail, maxTokens: wanted, ...call }),
        );
        foundAt = performance.now();
        const get = (keys: readonly string[]): Promise<(Block | undefined)[]> =>
          deadline.race(() => this.blocks.get(keys, call), releaseAll);
        await fetch.run(found, get);
        const { damaged } = fetch;
        if (damaged.length > 0) await deadline.race(() => this.blocks.delete(damaged, call));
        reason = this.#whyNotMore(chain, fetch.prefixTokens, failures, fetch.reason);
        return undefined;
      })
      .catch((error: unknown) => {
        fetch.release();
        throw error;
      });
    const ended = performance.now();
    // One that is slow with much is not one that does not answer.
    if (problem === "timeout" && fetch.chunks.length === 0) this.#health.failed();
    this.#noteDamaged(fetch.damaged.length);
    const result = lookupResult(wanted, fetch.prefixTokens, fetch.found, problem ?? reason);
    this.#counters.found(result, wanted);
    this.#counters.hitBytes += fetch.bytes;
    const findMs = (foundAt ?? ended) - began;
    return retrieveResult(result, fetch, { findMs, fetchMs: ended - began - findMs });
  }

  /**
   * Stores the chunks of a prompt that are not there yet. `values` are the whole chunks in their order and
   * then the tail, or what makes the value of a chunk; it is asked for those only that are to be stored.
   */
  async store(
    tokens: PromptTokens,
    values: ChunkSource | readonly ChunkValue[],
    options: KvStoreOptions = {},
  ): Promise<StoreResult> {
    const chain = this.#chains.chain(tokens);
    this.#counters.stores++;
    const { tails = [chain.tokens.length], whenBusy = "wait" } = options;
    const names = [...chain.chunks(), ...chain.tails(tails)];
    const source: ChunkSource =
      typeof values === "function"
        ? values
        : ({ start }) => values[Math.floor(start / this.chunkSize)];
    let outcomes: readonly ChunkOutcome[] = [];
    const problem = await this.#writes.run(options, async (deadline) => {
      const { signal } = deadline;
      const { ttlMs } = this.#settings;
      const { gate } = this.#writes;
      const call = this.#options(signal);
      const storer = new Storer({ store: this.blocks, gate, whenBusy, ttlMs, signal, call });
      outcomes = storer.outcomes;
      await deadline.race(() => storer.store(chain, names, source));
      return undefined;
    });
    if (problem === "timeout" && outcomes.length === 0) this.#health.failed();
    if (problem !== undefined) outcomes = unsettled(names, outcomes, problem);
    const result = storeResult(outcomes);
    this.#counters.stored(result);
    return result;
  }

  /**
   * Brings what is there of a prompt to the nearest tier, where the store has several. Resolves to how many
   * leading tokens that are.
   */
  async prefetch(tokens: PromptTokens, options: LookupOptions = {}): Promise<number> {
    if (!hasTiers(this.blocks)) return (await this.lookup(tokens, options)).prefixTokens;
    using found = await this.retrieve(tokens, options);
    return found.prefixTokens;
  }

  /**
   * Drops the chunks of a prompt, and the tails along it, from token `from` on: what stands before it may be
   * shared with other prompts. Resolves to how many were there.
   *
   * @param options `from` is by default 0
   */
  async drop(
    tokens: PromptTokens,
    options: KvCallOptions & { readonly from?: number } = {},
  ): Promise<number> {
    const chain = this.#chains.chain(tokens);
    const { from = 0 } = options;
    const dropped = await this.#reads.run(options, (deadline) =>
      deadline.race(async (signal) => {
        const call = this.#options(signal);
        const names = await namesFrom(this.blocks, chain, from, call);
        return this.blocks.delete(
          names.map(({ key }) => key),
          call,
        );
      }),
    );
    return typeof dropped === "number" ? dropped : 0;
  }

  /** Keeps what is there of a prompt from leaving the store, until released. */
  async pin(tokens: PromptTokens, options: LookupOptions = {}): Promise<KvPin> {
    const chain = this.#chains.chain(tokens);
    const found = await this.retrieve(tokens, options);
    const names = found.chunks.map(({ end }) =>
      end % this.chunkSize === 0 ? chain.chunk(end / this.chunkSize - 1) : chain.tail(end)!,
    );
    const release = this.#pins.pin(names.map(({ key }) => key));
    if (release === undefined) return pinOf(found.prefixTokens, "held", () => found.release());
    found.release();
    return pinOf(found.prefixTokens, "pinned", release);
  }

  stats(): KvEngineStats {
    return this.#counters.snapshot(this.#reads.gate, this.#writes.gate);
  }

  /** Ends the engine, and its store if it was named by a URL. Later calls miss. */
  async close(): Promise<void> {
    this.#reads.close();
    this.#writes.close();
    if (this.#ownsStore) await this.blocks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #options(signal: AbortSignal): { signal: AbortSignal; keyspace: number } {
    return { signal, keyspace: this.#settings.keyspace };
  }

  #whyNotMore(
    chain: PromptChain,
    prefixTokens: number,
    failures: number,
    known?: MissReason,
  ): MissReason {
    if (known !== undefined && known !== "absent") return known;
    if (failuresOf(this.blocks) > failures) {
      this.#logger.warn({ store: this.blocks.name }, "the store could not be asked");
      return "store-failed";
    }
    const onlyTail = prefixTokens === chain.length * chain.chunkSize;
    return onlyTail && known === undefined ? "too-short" : "absent";
  }

  #noteDamaged(count: number): void {
    if (count === 0) return;
    this.#counters.damagedChunks += count;
    this.#logger.warn({ store: this.blocks.name, count }, "blocks failed their check");
  }
}
