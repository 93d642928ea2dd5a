import type { Codec } from "../codec.ts";
import { decodedFloatTensor, floatTensor } from "../float-tensor.ts";
import { roundingOf } from "../float-bits.ts";
import { few, fewestBins } from "./bins.ts";
import { CachegenDecoder } from "./decoder.ts";
import { CachegenEncoder } from "./encoder.ts";

/**
 * The scheme of CacheGen (Liu et al., SIGCOMM 2024) as LMCache has it: each token of a layer is quantised to
 * the bins of that layer by its largest magnitude, then symbols are entropy coded by channel. The container is
 * ours; LMCache's own is a Python pickle, which is never opened here.
 */
export const cachegenCodec: Codec = {
  name: "cachegen",
  lossless: false,
  // Half a level, and what rounding to the element type adds.
  errorBound: (dtype, { bins } = {}) => {
    const ofLevel = 1 / (2 * ((bins === undefined ? few : fewestBins) / 2 - 1));
    const rounding = roundingOf(dtype);
    return { ofElement: rounding, ofLargest: ofLevel * (1 + rounding) };
  },

  async encode(bytes, tensor, options = {}) {
    const { dtype, geometry, empty } = floatTensor("cachegen", tensor);
    return empty ? [] : [await new CachegenEncoder(dtype, geometry, options).encode(bytes)];
  },

  async decode(payload, tensor, into, options = {}) {
    const { dtype, geometry } = decodedFloatTensor("cachegen", tensor);
    await new CachegenDecoder(dtype, geometry, options).decode(payload, into);
  },
};
