import { type Dtype, dtypes } from "./dtypes.ts";

/** How a block's elements follow each other: LMCache's names and numbers. The last dimension is contiguous. */
export const memoryFormats = {
  /** `[2, layers, tokens, channels]`: keys and values of a chunk. */
  KV_2LTD: 1,
  /** `[tokens, 2, channels]`: one layer. */
  KV_T2D: 2,
  /** `[2, tokens, channels]`: one layer. */
  KV_2TD: 3,
  /** `[bytes]`: no tensor. */
  BINARY: 5,
  /** `[1, layers, tokens, channels]`: the joint latents of MLA models. */
  KV_MLA_FMT: 6,
} as const;

export type MemoryFormat = keyof typeof memoryFormats;

/** What the bytes of a block are. Channels are heads times head size. */
export interface Tensor {
  readonly dtype: Dtype;
  readonly format: MemoryFormat;
  /** Dimensions as the format orders them. */
  readonly shape: readonly number[];
}

/** What all blocks of a namespace have in common; the number of tokens follows from their length. */
export interface BlockLayout {
  readonly dtype: Dtype;
  readonly format: MemoryFormat;
  /** Layers in one block; 1 in formats of one layer. Default 1. */
  readonly layers?: number;
  /** Heads times head size. */
  readonly channels: number;
}

/** A tensor as rows of channels: where each is, counted in elements. */
export interface Geometry {
  /** 2: keys and values, 1: latents. */
  readonly kinds: number;
  readonly layers: number;
  readonly tokens: number;
  readonly channels: number;
  readonly kindStride: number;
  readonly layerStride: number;
  readonly tokenStride: number;
}

const dimensions: Readonly<Record<MemoryFormat, number>> = {
  KV_2LTD: 4,
  KV_T2D: 3,
  KV_2TD: 3,
  BINARY: 1,
  KV_MLA_FMT: 4,
};

const kindsAt: Readonly<Record<MemoryFormat, readonly [axis: number, kinds: number] | undefined>> =
  {
    KV_2LTD: [0, 2],
    KV_T2D: [1, 2],
    KV_2TD: [0, 2],
    BINARY: undefined,
    KV_MLA_FMT: [0, 1],
  };

export const memoryFormatNames = Object.keys(memoryFormats) as readonly MemoryFormat[];

/** The format with LMCache's number `code`, if it is one that codecs know. */
export function memoryFormatOf(code: number): MemoryFormat | undefined {
  return memoryFormatNames.find((name) => memoryFormats[name] === code);
}

/** Bytes without a tensor. */
export function plainBytes(length: number): Tensor {
  return { dtype: "bytes", format: "BINARY", shape: [length] };
}

/** Bytes of the whole tensor; `NaN` when the shape is none of its format. */
export function tensorBytes({ dtype, format, shape }: Tensor): number {
  const kinds = kindsAt[format];
  const fits =
    shape.length === dimensions[format] &&
    shape.every((size) => Number.isSafeInteger(size) && size >= 0) &&
    (kinds === undefined || shape[kinds[0]] === kinds[1]);
  return fits ? shape.reduce((product, size) => product * size, dtypes[dtype].bytes) : Number.NaN;
}

/** Where the rows of a tensor are; `undefined` for bytes without one. */
export function geometryOf({ format, shape }: Tensor): Geometry | undefined {
  const [first, second, third, fourth] = shape;
  switch (format) {
    case "KV_2LTD":
    case "KV_MLA_FMT":
      return {
        kinds: first,
        layers: second,
        tokens: third,
        channels: fourth,
        kindStride: second * third * fourth,
        layerStride: third * fourth,
        tokenStride: fourth,
      };
    case "KV_T2D":
      return {
        kinds: 2,
        layers: 1,
        tokens: first,
        channels: third,
        kindStride: third,
        layerStride: 0,
        tokenStride: 2 * third,
      };
    case "KV_2TD":
      return {
        kinds: 2,
        layers: 1,
        tokens: second,
        channels: third,
        kindStride: second * third,
        layerStride: 0,
        tokenStride: third,
      };
    default:
      return undefined;
  }
}

/** The tensor that a block of `length` bytes in this layout is; `undefined` when no whole tokens fill it. */
export function tensorOf(layout: BlockLayout, length: number): Tensor | undefined {
  const { dtype, format, channels, layers = 1 } = layout;
  const shapeFor = (tokens: number): readonly number[] =>
    ({
      KV_2LTD: [2, layers, tokens, channels],
      KV_MLA_FMT: [1, layers, tokens, channels],
      KV_T2D: [tokens, 2, channels],
      KV_2TD: [2, tokens, channels],
      BINARY: [tokens],
    })[format];
  const bytesPerToken = tensorBytes({ dtype, format, shape: shapeFor(1) });
  const tokens = length / bytesPerToken;
  return Number.isSafeInteger(tokens) ? { dtype, format, shape: shapeFor(tokens) } : undefined;
}
