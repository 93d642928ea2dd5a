import { openStore } from "../../backends/registry.ts";
import { KvEngine } from "../../engine/kv-engine.ts";
import type { KvNamespace } from "../../engine/types.ts";
import { silentLogger, type Logger } from "../../observe/logger.ts";
import type { BlockStore } from "../../store/contract.ts";
import type { Attachment, AttachmentEvents } from "./attachment.ts";
import { Budget } from "./budget.ts";
import { hashOfJson } from "./model-identity.ts";
import { RecentPrompts } from "./recent-prompts.ts";
import type { KvCacheOptions, KvCacheStats } from "./types.ts";

const defaultMinGainTokens = 8;
const defaultBudgetBytes = 512 * 1024 ** 2;

/** What all that is served in one namespace shares. */
export interface ServingSettings {
  readonly engine: KvEngine;
  readonly budget: Budget;
  readonly recent: RecentPrompts;
  readonly minGainTokens: number;
  readonly storeGenerated: boolean;
}

/** The cache of one model, whatever runs it: what it serves, with which engines, and what came of it. */
export abstract class KvCache<Served extends object> implements AsyncDisposable {
  /** Where the blocks are. */
  readonly blocks: BlockStore;
  protected readonly logger: Logger;
  readonly #options: KvCacheOptions;
  readonly #budget: Budget;
  readonly #recent = new RecentPrompts();
  readonly #engines = new Map<string, Promise<KvEngine>>();
  readonly #attached = new Map<Served, Promise<Attachment>>();
  readonly #stats = {
    prompts: 0,
    promptTokens: 0,
    restoredTokens: 0,
    restoredBytes: 0,
    storedTokens: 0,
    storedBytes: 0,
  };

  /** @param blocks what {@link blocksOf} gives for the options */
  protected constructor(blocks: BlockStore, options: KvCacheOptions) {
    this.blocks = blocks;
    this.#options = options;
    this.logger = options.logger ?? silentLogger;
    this.#budget = new Budget(options.budgetBytes ?? defaultBudgetBytes);
  }

  /** Counters of all that is and was served. */
  stats(): KvCacheStats {
    const { refused, pendingBytes } = this.#budget;
    return { ...this.#stats, overBudget: refused, pendingBytes };
  }

  /** Resolves when nothing of what is attached waits to be stored any more. */
  async settled(): Promise<void> {
    for (const attached of this.#attached.values()) await (await attached).settled();
  }

  /** Stores what waits, detaches all that is attached, and closes the store if it was named by a URL. */
  async close(): Promise<void> {
    await this.settled();
    for (const attached of this.#attached.values()) (await attached).detach();
    for (const engine of this.#engines.values()) await (await engine).close();
    if (typeof this.#options.store === "string") await this.blocks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What serves `served`: always the same, until it is detached. */
  protected attachOnce<A extends Attachment>(served: Served, attach: () => Promise<A>): Promise<A> {
    return madeOnce(this.#attached, served, attach) as Promise<A>;
  }

  /** @param chunkSize Tokens of a chunk. Default: the engine's */
  protected async settingsFor(
    namespace: KvNamespace,
    chunkSize: number | undefined,
  ): Promise<ServingSettings> {
    const { deadlineMs, ttlMs, logger } = this.#options;
    const { minGainTokens = defaultMinGainTokens, storeGenerated = true } = this.#options;
    const store = this.blocks;
    const engine = await madeOnce(this.#engines, hashOfJson(namespace), () =>
      KvEngine.open({ store, namespace, chunkSize, deadlineMs, ttlMs, logger }),
    );
    const shared = { budget: this.#budget, recent: this.#recent };
    return { engine, ...shared, minGainTokens, storeGenerated };
  }

  /** Counts and passes on what is heard of `served`. */
  protected eventsOf(served: Served): AttachmentEvents {
    const stats = this.#stats;
    return {
      onReuse: (report) => {
        stats.prompts++;
        stats.promptTokens += report.promptTokens;
        stats.restoredTokens += report.restoredTokens;
        stats.restoredBytes += report.bytes;
        this.#tell(this.#options.onReuse, report);
      },
      onKeep: (report) => {
        stats.storedTokens += report.storedTokens;
        stats.storedBytes += report.storedBytes;
        this.#tell(this.#options.onKeep, report);
      },
      onDetach: () => void this.#attached.delete(served),
    };
  }

  /** A listener that fails must not keep a prompt from being evaluated. */
  #tell<T>(listener: ((report: T) => void) | undefined, report: T): void {
    try {
      listener?.(report);
    } catch (error) {
      this.logger.error({ error: String(error) }, "a listener of reports failed");
    }
  }
}

/** The store of a cache: as it was given, or the one that its URL names. */
export async function blocksOf({
  store,
  logger = silentLogger,
}: KvCacheOptions): Promise<BlockStore> {
  return typeof store === "string" ? openStore(store, logger) : store;
}

/** What `map` has under `key`; else what `make` makes, which is then there unless it fails. */
async function madeOnce<K, V>(map: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const value = map.get(key) ?? make();
  map.set(key, value);
  try {
    return await value;
  } catch (error) {
    map.delete(key);
    throw error;
  }
}
