import { openStore } from "../../backends/registry.ts";
import { KvEngine } from "../../engine/kv-engine.ts";
import type { KvNamespace } from "../../engine/types.ts";
import { KeepwarmError } from "../../errors.ts";
import { silentLogger, type Logger } from "../../observe/logger.ts";
import type { BlockStore } from "../../store/contract.ts";
import { Budget } from "../shared/budget.ts";
import { hashOfJson } from "../shared/model-identity.ts";
import { RecentPrompts } from "../shared/recent-prompts.ts";
import { Attachment, type AttachmentEvents } from "./attached-model.ts";
import { layoutName } from "./chunk-layout.ts";
import { type KvShape, sessionOf, shapeOf } from "./kv-shape.ts";
import { weightsHash } from "./model-files.ts";
import { PromptCache } from "./prompt-cache.ts";
import type {
  AttachedModel,
  TransformersKvCacheOptions,
  TransformersKvCacheStats,
  TransformersLike,
  TransformersModelLike,
} from "./types.ts";

const moduleName = "@huggingface/transformers";
const defaultMinGainTokens = 8;
const defaultBudgetBytes = 512 * 1024 ** 2;

/**
 * Keeps what a model of transformers.js computed for prompts in any store, and gives it back: to the same
 * process, another one, or another machine. A prompt that begins like one that was ever evaluated is
 * evaluated from where they part.
 *
 * @example
 * ```ts
 * const name = "onnx-community/SmolLM2-135M-Instruct-ONNX";
 * const generator = await pipeline("text-generation", name);
 * const cache = await TransformersKvCache.open({ store: "valkey://127.0.0.1:6379", model: name });
 * await cache.attach(generator.model);
 * ```
 */
export class TransformersKvCache implements AsyncDisposable {
  /** Where the blocks are. */
  readonly blocks: BlockStore;
  readonly #transformers: TransformersLike;
  readonly #options: TransformersKvCacheOptions;
  readonly #logger: Logger;
  readonly #budget: Budget;
  readonly #recent = new RecentPrompts();
  readonly #engines = new Map<string, Promise<KvEngine>>();
  readonly #attached = new Map<TransformersModelLike, Promise<Attachment<TransformersModelLike>>>();
  readonly #stats = {
    prompts: 0,
    promptTokens: 0,
    restoredTokens: 0,
    restoredBytes: 0,
    storedTokens: 0,
    storedBytes: 0,
  };

  private constructor(
    blocks: BlockStore,
    transformers: TransformersLike,
    options: TransformersKvCacheOptions,
  ) {
    this.blocks = blocks;
    this.#transformers = transformers;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#budget = new Budget(options.budgetBytes ?? defaultBudgetBytes);
  }

  /**
   * Opens a cache; a store named by its URL connects when it is first used.
   *
   * @throws KeepwarmError `INPUT_INVALID` for a URL that cannot be used, `NOT_FOUND` when transformers.js cannot
   *   be imported and was not given
   */
  static async open(options: TransformersKvCacheOptions): Promise<TransformersKvCache> {
    const { store, logger = silentLogger } = options;
    const transformers = options.transformers ?? (await importTransformers());
    const blocks = typeof store === "string" ? await openStore(store, logger) : store;
    return new TransformersKvCache(blocks, transformers, options);
  }

  /**
   * Serves a model: its own `generate` then restores before it evaluates and stores behind it, so that
   * pipelines and others that have the model need not know. A model whose state cannot be cut into tokens is
   * left as it is, and `declined` says why.
   *
   * @throws KeepwarmError `NOT_FOUND` when the model's file was not found and no revision was given,
   *   `INPUT_INVALID` for a model of another copy of transformers.js
   */
  async attach<Model extends TransformersModelLike>(model: Model): Promise<AttachedModel<Model>> {
    const attaching = this.#attached.get(model) ?? this.#attach(model);
    this.#attached.set(model, attaching);
    try {
      return (await attaching) as Attachment<Model>;
    } catch (error) {
      this.#attached.delete(model);
      throw error;
    }
  }

  stats(): TransformersKvCacheStats {
    const { refused, pendingBytes } = this.#budget;
    return { ...this.#stats, overBudget: refused, pendingBytes };
  }

  /** Resolves when nothing of any model waits to be stored any more. */
  async settled(): Promise<void> {
    for (const attached of this.#attached.values()) await (await attached).settled();
  }

  /** Stores what waits, detaches all models, and closes the store if it was named by a URL. */
  async close(): Promise<void> {
    await this.settled();
    for (const attached of this.#attached.values()) (await attached).detach();
    for (const engine of this.#engines.values()) await (await engine).close();
    if (typeof this.#options.store === "string") await this.blocks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #attach<Model extends TransformersModelLike>(model: Model): Promise<Attachment<Model>> {
    const transformers = this.#transformers;
    if (!Object.prototype.isPrototypeOf.call(transformers.PreTrainedModel.prototype, model))
      throw new KeepwarmError("INPUT_INVALID", `the model is of another copy of ${moduleName}`, {
        remedy: "Give the module that the model comes from as the option transformers.",
      });
    const shape = shapeOf(model, this.#options.storeAs);
    if (typeof shape === "string") {
      this.#logger.warn({ reason: shape }, "a model is not served");
      return new Attachment(model, transformers, shape, this.#events(model));
    }
    const namespace = await this.#namespace(model, shape);
    const id = hashOfJson(namespace);
    const engine = this.#engines.get(id) ?? this.#openEngine(namespace);
    this.#engines.set(id, engine);
    const { minGainTokens = defaultMinGainTokens, storeGenerated = true } = this.#options;
    const cache = new PromptCache({
      engine: await engine,
      transformers,
      shape,
      budget: this.#budget,
      recent: this.#recent,
      minGainTokens,
      storeGenerated,
    });
    return new Attachment(model, transformers, cache, this.#events(model));
  }

  /** What must be equal for keys and values to be interchangeable. */
  async #namespace(model: TransformersModelLike, shape: KvShape): Promise<KvNamespace> {
    const { model: name, revision, salt } = this.#options;
    const { dtype = "fp32" } = sessionOf(model)?.config ?? {};
    const weights = revision ?? (await weightsHash(this.#transformers, name, dtype));
    const config = model.config as Readonly<Record<string, unknown>>;
    const type = config["model_type"];
    const rope = [config["rope_theta"], config["rope_scaling"], config["rope_parameters"]];
    const shapes = shape.tensors.map(({ name: each, heads, headDim }) => [each, heads, headDim]);
    return {
      model: revision === undefined ? `${textOf(type)}-${weights.slice(0, 12)}` : name,
      revision: hashOfJson([weights, dtype, type, rope]),
      dtype: shape.storedBytes === shape.elementBytes ? shape.type : "float16",
      layout: `${layoutName}/${hashOfJson([shape.type, shapes])}`,
      salt,
    };
  }

  #openEngine(namespace: KvNamespace): Promise<KvEngine> {
    const { chunkSize, deadlineMs, ttlMs, logger } = this.#options;
    return KvEngine.open({
      store: this.blocks,
      namespace,
      chunkSize,
      deadlineMs,
      ttlMs,
      logger,
    });
  }

  #events(model: TransformersModelLike): AttachmentEvents {
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
      onFailure: (error) =>
        this.#logger.warn({ error: String(error) }, "keys and values could not be stored"),
      onDetach: () => void this.#attached.delete(model),
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

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "model";
}

async function importTransformers(): Promise<TransformersLike> {
  try {
    return (await import(moduleName)) as TransformersLike;
  } catch (cause) {
    throw new KeepwarmError("NOT_FOUND", `${moduleName} cannot be imported`, {
      cause,
      remedy: `Install it: npm install ${moduleName}; or give the module as the option transformers.`,
    });
  }
}
