import type { KvNamespace } from "../../engine/types.ts";
import { KeepwarmError } from "../../errors.ts";
import type { BlockStore } from "../../store/contract.ts";
import { blocksOf, KvCache } from "../shared/kv-cache.ts";
import { hashOfJson } from "../shared/model-identity.ts";
import { ModelAttachment, type ModelAttachmentEvents } from "./attached-model.ts";
import { layoutName } from "./chunk-layout.ts";
import { type KvShape, sessionOf, shapeOf } from "./kv-shape.ts";
import { weightsHash } from "./model-files.ts";
import { PromptCache } from "./prompt-cache.ts";
import type {
  AttachedModel,
  TransformersKvCacheOptions,
  TransformersLike,
  TransformersModelLike,
} from "./types.ts";

const moduleName = "@huggingface/transformers";

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
export class TransformersKvCache extends KvCache<TransformersModelLike> {
  readonly #transformers: TransformersLike;
  readonly #options: TransformersKvCacheOptions;

  private constructor(
    blocks: BlockStore,
    transformers: TransformersLike,
    options: TransformersKvCacheOptions,
  ) {
    super(blocks, options);
    this.#transformers = transformers;
    this.#options = options;
  }

  /**
   * Opens a cache; a store named by its URL connects when it is first used.
   *
   * @throws KeepwarmError `INPUT_INVALID` for a URL that cannot be used, `NOT_FOUND` when transformers.js cannot
   *   be imported and was not given
   */
  static async open(options: TransformersKvCacheOptions): Promise<TransformersKvCache> {
    const transformers = options.transformers ?? (await importTransformers());
    return new TransformersKvCache(await blocksOf(options), transformers, options);
  }

  /**
   * Serves a model: its own `generate` then restores before it evaluates and stores behind it, so that
   * pipelines and others that have the model need not know. A model whose state cannot be cut into tokens is
   * left as it is, and `declined` says why.
   *
   * @throws KeepwarmError `NOT_FOUND` when the model's file was not found and no revision was given,
   *   `INPUT_INVALID` for a model of another copy of transformers.js
   */
  attach<Model extends TransformersModelLike>(model: Model): Promise<AttachedModel<Model>> {
    return this.attachOnce(model, () => this.#attach(model));
  }

  async #attach<Model extends TransformersModelLike>(
    model: Model,
  ): Promise<ModelAttachment<Model>> {
    const transformers = this.#transformers;
    if (!Object.prototype.isPrototypeOf.call(transformers.PreTrainedModel.prototype, model))
      throw new KeepwarmError("INPUT_INVALID", `the model is of another copy of ${moduleName}`, {
        remedy: "Give the module that the model comes from as the option transformers.",
      });
    const shape = shapeOf(model, this.#options.storeAs);
    const events: ModelAttachmentEvents = {
      ...this.eventsOf(model),
      onFailure: (error) =>
        this.logger.warn({ error: String(error) }, "keys and values could not be stored"),
    };
    if (typeof shape === "string") {
      this.logger.warn({ reason: shape }, "a model is not served");
      return new ModelAttachment(model, transformers, shape, events);
    }
    const namespace = await this.#namespace(model, shape);
    const settings = await this.settingsFor(namespace, this.#options.chunkSize);
    const cache = new PromptCache({ ...settings, transformers, shape });
    return new ModelAttachment(model, transformers, cache, events);
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
