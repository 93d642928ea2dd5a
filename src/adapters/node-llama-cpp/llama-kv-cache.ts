import type { BlockStore } from "../../store/contract.ts";
import { blocksOf, KvCache } from "../shared/kv-cache.ts";
import { type Declined, ownMethodsOf, SequenceAttachment } from "./attached-sequence.ts";
import { namespaceOf } from "./kv-namespace.ts";
import { modelHash } from "./model-hash.ts";
import { probeShape } from "./probe.ts";
import { checkScratchFolder } from "./scratch.ts";
import { ScratchPool } from "./scratch-pool.ts";
import { SequenceCache } from "./sequence-cache.ts";
import type { AttachedSequence, LlamaKvCacheOptions, LlamaSequenceLike } from "./types.ts";

/** What is left behind the last chunk runs at the speed of generation: small chunks leave little. */
const defaultChunkSize = 16;

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
export class LlamaKvCache extends KvCache<LlamaSequenceLike> {
  /** SHA-256 of the model's file. */
  readonly modelHash: string;
  readonly #options: LlamaKvCacheOptions;
  readonly #scratch: ScratchPool;

  private constructor(blocks: BlockStore, hash: string, options: LlamaKvCacheOptions) {
    super(blocks, options);
    this.modelHash = hash;
    this.#options = options;
    this.#scratch = new ScratchPool(options.scratchFolder);
  }

  /**
   * Opens a cache for one model; a store named by its URL connects when it is first used.
   *
   * @throws KeepwarmError `NOT_FOUND` for a model file or scratch folder that is not there, `INPUT_INVALID` for
   *   a URL that cannot be used
   */
  static async open(options: LlamaKvCacheOptions): Promise<LlamaKvCache> {
    const { modelPath, scratchFolder } = options;
    if (scratchFolder !== undefined) await checkScratchFolder(scratchFolder);
    const hash = await modelHash(modelPath);
    return new LlamaKvCache(await blocksOf(options), hash, options);
  }

  /**
   * Serves a sequence: its own methods then restore before they evaluate and store behind it, so that
   * LlamaChatSession, LlamaCompletion and others that are given it need not know. Best when it is still empty;
   * evaluates one token to learn how its state is laid out. A sequence whose state cannot be cut into
   * tokens is left as it is, and `declined` says why.
   */
  attach<Sequence extends LlamaSequenceLike>(
    sequence: Sequence,
  ): Promise<AttachedSequence<Sequence>> {
    return this.attachOnce(sequence, () => this.#attach(sequence));
  }

  override async close(): Promise<void> {
    try {
      await super.close();
    } finally {
      await this.#scratch.close();
    }
  }

  async #attach<Sequence extends LlamaSequenceLike>(
    sequence: Sequence,
  ): Promise<SequenceAttachment<Sequence>> {
    const own = ownMethodsOf(sequence);
    const { scratchFolder, lora, chunkSize = defaultChunkSize } = this.#options;
    const { logger } = this;
    const events = this.eventsOf(sequence);
    const decline = (declined: Declined): SequenceAttachment<Sequence> => {
      logger.warn({ reason: declined.why }, "a sequence is not served");
      return new SequenceAttachment(sequence, declined, events);
    };
    const problem = problemOf(sequence, lora);
    if (problem !== undefined) return decline({ reason: "unsupported-model", why: problem });
    const shape = await probeShape(sequence, own, scratchFolder);
    if (typeof shape === "string") return decline({ reason: "unsupported-layout", why: shape });
    const namespace = namespaceOf(sequence.context.model, this.modelHash, shape, this.#options);
    const settings = await this.settingsFor(namespace, chunkSize);
    const scratch = this.#scratch;
    const cache = new SequenceCache(sequence, own, shape, {
      ...settings,
      scratch,
      scratchFolder,
      logger,
    });
    return new SequenceAttachment(sequence, cache, events);
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
