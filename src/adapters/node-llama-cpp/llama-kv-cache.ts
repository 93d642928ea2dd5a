import { openStore } from "../../backends/registry.ts";
import { KvEngine } from "../../engine/kv-engine.ts";
import { silentLogger, type Logger } from "../../observe/logger.ts";
import type { BlockStore } from "../../store/contract.ts";
import {
  Attachment,
  type AttachmentEvents,
  type Declined,
  ownMethodsOf,
} from "./attached-sequence.ts";
import { Budget } from "../shared/budget.ts";
import { namespaceOf } from "./kv-namespace.ts";
import { hashOfJson } from "../shared/model-identity.ts";
import { modelHash } from "./model-hash.ts";
import { probeShape } from "./probe.ts";
import { RecentPrompts } from "../shared/recent-prompts.ts";
import { checkScratchFolder } from "./scratch.ts";
import { ScratchPool } from "./scratch-pool.ts";
import { SequenceCache } from "./sequence-cache.ts";
import type {
  AttachedSequence,
  LlamaKvCacheOptions,
  LlamaKvCacheStats,
  LlamaSequenceLike,
} from "./types.ts";

/** What is left behind the last chunk runs at the speed of generation: small chunks leave little. */
const defaultChunkSize = 16;
const defaultMinGainTokens = 8;
const defaultBudgetBytes = 512 * 1024 ** 2;

/**
 * Keeps what node-llama-cpp computed for prompts in any store, and gives it back: to the same sequence, another
 * one, another process or machine. A prompt that begins like one that was ever evaluated is evaluated from
 * where they part.
 *
 * @example
 * ```ts
 * const cache = await LlamaKvCache.open({ store: "valkey://127.0.0.1:6379", modelPath });
 * const { sequence } = await cache.attach(context.getSequence());
 * const session = new LlamaChatSession({ contextSequence: sequence });
 * ```
 */
export class LlamaKvCache implements AsyncDisposable {
  /** Where the blocks are. */
  readonly blocks: BlockStore;
  /** SHA-256 of the model's file. */
  readonly modelHash: string;
  readonly #options: LlamaKvCacheOptions;
  readonly #logger: Logger;
  readonly #budget: Budget;
  readonly #scratch: ScratchPool;
  readonly #recent = new RecentPrompts();
  readonly #engines = new Map<string, Promise<KvEngine>>();
  readonly #attached = new Map<LlamaSequenceLike, Promise<Attachment<LlamaSequenceLike>>>();
  readonly #stats = {
    prompts: 0,
    promptTokens: 0,
    restoredTokens: 0,
    restoredBytes: 0,
    storedTokens: 0,
    storedBytes: 0,
  };

  private constructor(blocks: BlockStore, hash: string, options: LlamaKvCacheOptions) {
    this.blocks = blocks;
    this.modelHash = hash;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#scratch = new ScratchPool(options.scratchFolder);
    this.#budget = new Budget(options.budgetBytes ?? defaultBudgetBytes);
  }

  /**
   * Opens a cache for one model; a store named by its URL connects when it is first used.
   *
   * @throws KeepwarmError `NOT_FOUND` for a model file or scratch folder that is not there, `INPUT_INVALID` for
   *   a URL that cannot be used
   */
  static async open(options: LlamaKvCacheOptions): Promise<LlamaKvCache> {
    const { store, modelPath, scratchFolder, logger = silentLogger } = options;
    if (scratchFolder !== undefined) await checkScratchFolder(scratchFolder);
    const hash = await modelHash(modelPath);
    const blocks = typeof store === "string" ? await openStore(store, logger) : store;
    return new LlamaKvCache(blocks, hash, options);
  }

  /**
   * Serves a sequence: its own methods then restore before they evaluate and store behind it, so that
   * LlamaChatSession, LlamaCompletion and others that are given it need not know. Best when it is still empty;
   * evaluates one token to learn how its state is laid out. A sequence whose state cannot be cut into
   * tokens is left as it is, and `declined` says why.
   */
  async attach<Sequence extends LlamaSequenceLike>(
    sequence: Sequence,
  ): Promise<AttachedSequence<Sequence>> {
    const attached = this.#attached.get(sequence) ?? this.#attach(sequence);
    this.#attached.set(sequence, attached);
    return (await attached) as Attachment<Sequence>;
  }

  stats(): LlamaKvCacheStats {
    const { refused, pendingBytes } = this.#budget;
    return { ...this.#stats, overBudget: refused, pendingBytes };
  }

  /** Resolves when nothing of any sequence waits to be stored any more. */
  async settled(): Promise<void> {
    for (const attached of this.#attached.values()) await (await attached).settled();
  }

  /** Stores what waits, detaches all sequences, and closes the store if it was named by a URL. */
  async close(): Promise<void> {
    await this.settled();
    for (const attached of this.#attached.values()) (await attached).detach();
    for (const engine of this.#engines.values()) await (await engine).close();
    await this.#scratch.close();
    if (typeof this.#options.store === "string") await this.blocks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #attach<Sequence extends LlamaSequenceLike>(
    sequence: Sequence,
  ): Promise<Attachment<Sequence>> {
    const own = ownMethodsOf(sequence);
    const { scratchFolder, lora, storeGenerated = true } = this.#options;
    const { minGainTokens = defaultMinGainTokens } = this.#options;
    const decline = (declined: Declined): Attachment<Sequence> => {
      this.#logger.warn({ reason: declined.why }, "a sequence is not served");
      return new Attachment(sequence, declined, this.#events(sequence));
    };
    const problem = problemOf(sequence, lora);
    if (problem !== undefined) return decline({ reason: "unsupported-model", why: problem });
    const shape = await probeShape(sequence, own, scratchFolder);
    if (typeof shape === "string") return decline({ reason: "unsupported-layout", why: shape });
    const namespace = namespaceOf(sequence.context.model, this.modelHash, shape, this.#options);
    const id = hashOfJson(namespace);
    const engine = this.#engines.get(id) ?? this.#openEngine(namespace);
    this.#engines.set(id, engine);
    const cache = new SequenceCache(sequence, own, shape, {
      engine: await engine,
      budget: this.#budget,
      recent: this.#recent,
      scratch: this.#scratch,
      scratchFolder,
      minGainTokens,
      storeGenerated,
      logger: this.#logger,
    });
    return new Attachment(sequence, cache, this.#events(sequence));
  }

  #openEngine(namespace: Parameters<typeof KvEngine.open>[0]["namespace"]): Promise<KvEngine> {
    const { chunkSize = defaultChunkSize, deadlineMs, ttlMs, logger } = this.#options;
    return KvEngine.open({
      store: this.blocks,
      namespace,
      chunkSize,
      deadlineMs,
      ttlMs,
      logger,
    });
  }

  #events(sequence: LlamaSequenceLike): AttachmentEvents {
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
      onDetach: () => void this.#attached.delete(sequence),
    };
  }

  /** A listener that fails must not keep a prompt from being evaluated. */
  #tell<T>(listener: ((report: T) => void) | undefined, report: T): void {
    try {
      listener?.(report);
    } catch (error) {
      this.#logger.error({ error: String(error) }, "a listener of reports failed");
    }
  }
}

/** Why a sequence's state cannot be cut into tokens, or nothing. */
function problemOf(sequence: LlamaSequenceLike, lora: string | undefined): string | undefined {
  if (sequence.needsCheckpoints)
    return "the model's state has sliding windows or recurrent layers, which cannot be cut into tokens";
  const adapters: unknown = Reflect.get(sequence.context, "_loraAdapters");
  if (lora === undefined && adapters instanceof Set && adapters.size > 0)
    return "the context has LoRA adapters: say which in the option lora";
  return undefined;
}
