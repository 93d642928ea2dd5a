import type { Dtype } from "./dtypes.ts";
import type { Tensor } from "./tensor.ts";

/** Codecs by name and the number that stands for them in a container. Numbers are never given out anew. */
export const codecIds = { naive: 0, "zstd-planes": 1, fp8: 2, cachegen: 3 } as const;

export type CodecName = keyof typeof codecIds;

export const codecNames = Object.keys(codecIds) as readonly CodecName[];

/** How far a decoded element may be from what it was: at most the sum of the two. Both are 0 when lossless. */
export interface ErrorBound {
  /** As a share of the element's own magnitude. */
  readonly ofElement: number;
  /** As a share of the largest magnitude among the elements that share a scale with it. */
  readonly ofLargest: number;
}

/** What an encoder may be told. A codec ignores what is not for it. */
export interface EncodeOptions {
  readonly signal?: AbortSignal;
  /**
   * `cachegen`: bins of a layer, an even number from 4 to 64. Default: 32 for the first ten layers of keys
   * and the first two of values, then 16; 32 throughout in models of fewer than ten layers, as LMCache has it.
   */
  readonly bins?: (kind: "key" | "value", layer: number) => number;
  /** `cachegen`: where the block's first layer is in the model. Default 0. */
  readonly firstLayer?: number;
  /** `cachegen`: layers of the model. Default: those of the block, and as many more as `firstLayer` says. */
  readonly modelLayers?: number;
}

export interface DecodeOptions {
  readonly signal?: AbortSignal;
}

/**
 * Makes blocks smaller and back. Both ways give way to the event loop every few milliseconds.
 *
 * Containers come from anywhere: `decode` never reads or writes beyond what it was given, and allocates no
 * more than a few times that.
 */
export interface Codec {
  readonly name: CodecName;
  readonly lossless: boolean;
  /** How far decoded elements may be off when `dtype` is encoded with these options. */
  errorBound(dtype: Dtype, options?: EncodeOptions): ErrorBound;
  /**
   * The payload, in parts that follow each other; they may be views of `bytes`.
   *
   * @throws KeepwarmError `INPUT_INVALID` when it cannot do this tensor: an element type it does not
   *   know, infinities or NaN.
   */
  encode(bytes: Uint8Array, tensor: Tensor, options?: EncodeOptions): Promise<Uint8Array[]>;
  /**
   * Fills `into`, which is as long as the tensor, from a payload.
   *
   * @throws KeepwarmError `INPUT_INVALID` when the payload is none of that tensor, `UNSUPPORTED` when it
   *   takes something that this machine does not have.
   */
  decode(
    payload: Uint8Array,
    tensor: Tensor,
    into: Uint8Array,
    options?: DecodeOptions,
  ): Promise<void>;
}

export const lossless: ErrorBound = Object.freeze({ ofElement: 0, ofLargest: 0 });
