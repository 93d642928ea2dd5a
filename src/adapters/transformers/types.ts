import type { KeepReport, ReuseReport } from "../shared/report.ts";
import type { Attached, KvCacheOptions, KvCacheStats } from "../shared/types.ts";

/** What of a transformers.js `Tensor` is used. */
export interface TensorLike {
  readonly dims: readonly number[];
  readonly type: string;
  readonly location: string;
  readonly data: unknown;
}

/** What of a transformers.js `DynamicCache` is used: besides, it has a tensor under each input's name. */
export interface PastKeyValues {
  get_seq_length(): number;
  update(entries: never): void;
}

/** An input of an ONNX model, as onnxruntime describes it. */
export interface InputMetadata {
  readonly name: string;
  readonly type?: string | undefined;
  readonly shape?: readonly (number | string)[] | undefined;
}

/** What of a transformers.js model is used. Versions 4.3 and later of 4 have it. */
export interface TransformersModelLike {
  readonly config: object;
  readonly sessions: object;
  generate(options: never): Promise<unknown>;
}

/** What of the module `@huggingface/transformers` is used. */
export interface TransformersLike {
  readonly Tensor: new (type: never, data: never, dims: number[]) => TensorLike;
  readonly DynamicCache: new (entries?: never) => object;
  readonly PreTrainedModel: { readonly prototype: object };
  readonly env: object;
}

export interface TransformersKvCacheOptions extends KvCacheOptions {
  /**
   * The model, as `from_pretrained` or `pipeline` was given it: a name or a folder; or its ONNX file. The
   * ONNX file is looked for where transformers.js keeps it, and its hash tells models apart.
   */
  readonly model: string;
  /** Which weights exactly, in place of the file's hash: a commit. Default: the file is read once. */
  readonly revision?: string | undefined;
  /** The module that models come from. Default: what `import("@huggingface/transformers")` gives. */
  readonly transformers?: TransformersLike | undefined;
  /** Tokens of a chunk. Default 32. */
  readonly chunkSize?: number | undefined;
  /**
   * `float16`: float32 keys and values are rounded to half as many bytes in the store. What is restored is then
   * close to what was computed, not equal. Default: they are stored as they are.
   */
  readonly storeAs?: "float16" | undefined;
}

/** Keys and values of a prompt's beginning, and where they came from. */
export interface RestoredCache {
  /** For `forward` and `generate`: a `DynamicCache`, empty when nothing was found. */
  readonly past_key_values: PastKeyValues;
  readonly report: ReuseReport;
}

/** A model whose prompts come from the store and go there. */
export interface AttachedModel<Model extends TransformersModelLike> extends Attached {
  /** The model itself, as it was given: use it as ever, in a pipeline or alone. */
  readonly model: Model;
  /**
   * The keys and values of as much of `tokens` as the store has, for those who call `forward` themselves;
   * `generate` does so by itself. Evaluate `tokens.slice(past_key_values.get_seq_length())` next: of a
   * prompt that is there as a whole, the last token is left to evaluate.
   */
  restore(tokens: readonly number[], options?: { signal?: AbortSignal }): Promise<RestoredCache>;
  /**
   * Stores what is in `past_key_values`, which are those of the first of `tokens`. Else it is done when
   * `generate` ends.
   */
  keep(tokens: readonly number[], past_key_values: PastKeyValues): Promise<KeepReport>;
  /** Gives the model its own method back. What waits to be stored still is. */
  detach(): void;
}

/** Plain counters since the cache began. */
export type TransformersKvCacheStats = KvCacheStats;
