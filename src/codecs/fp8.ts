import type { Codec } from "./codec.ts";
import { numbersOf, roundingOf, rowToFloat8E4m3 } from "./float-bits.ts";
import { FloatReader, FloatWriter } from "./float-rows.ts";
import { decodedFloatTensor, floatTensor } from "./float-tensor.ts";
import { malformed, unsuitable } from "./malformed.ts";
import { TimeSlices } from "./time-slices.ts";

// Payload:
//
//   i8 exponents   one for each token of each layer of each kind, tokens of a layer in a row
//   u8 codes       float8_e4m3fn, in the order of the tensor's elements
//
// An element is its code's number times 2 to its token's exponent. Powers of two move the range and cost no
// digits, so that decoding is one table look-up; an exact scale would change the error by less than a tenth.

const largestCode = 448;
const lowestExponent = -128;

/** One byte an element: three bits of mantissa, and a scale for each token of each layer. */
export const fp8Codec: Codec = {
  name: "fp8",
  lossless: false,
  // Half a step of three bits of mantissa; below the smallest normal code, half of the smallest step.
  errorBound: (dtype) => ({
    ofElement: 2 ** -4 + roundingOf(dtype),
    ofLargest: (2 ** -10 * 2) / largestCode,
  }),

  async encode(bytes, tensor, { signal } = {}) {
    const { dtype, geometry, empty } = floatTensor("fp8", tensor);
    if (empty) return [];
    const { kinds, layers, tokens, channels, kindStride, layerStride, tokenStride } = geometry;
    const exponents = new Int8Array(kinds * layers * tokens);
    const codes = new Uint8Array(kinds * layers * tokens * channels);
    const row = new Float32Array(channels);
    const words = new Uint32Array(row.buffer);
    const reader = new FloatReader(dtype, bytes);
    const slices = new TimeSlices(signal);
    let index = 0;
    for (let kind = 0; kind < kinds; kind++)
      for (let layer = 0; layer < layers; layer++)
        for (let token = 0; token < tokens; token++) {
          const at = kind * kindStride + layer * layerStride + token * tokenStride;
          const largest = reader.read(at, channels, row);
          if (!Number.isFinite(largest)) throw unsuitable("fp8", "infinities or NaN");
          const exponent = exponentFor(largest);
          exponents[index++] = exponent;
          rowToFloat8E4m3(row, words, 2 ** -exponent, codes, at);
          if (slices.over) await slices.giveWay();
        }
    return [new Uint8Array(exponents.buffer), codes];
  },

  async decode(payload, tensor, into, { signal } = {}) {
    const { dtype, geometry, empty } = decodedFloatTensor("fp8", tensor);
    const { kinds, layers, tokens, channels, kindStride, layerStride, tokenStride } = geometry;
    const scaled = empty ? 0 : kinds * layers * tokens;
    if (payload.length !== scaled * (1 + (empty ? 0 : channels)))
      throw malformed("its payload is not as long as fp8 of its shape is");
    if (empty) return;
    const exponents = new Int8Array(payload.buffer, payload.byteOffset, scaled);
    const codes = payload.subarray(scaled);
    const writer = new FloatWriter(dtype, into);
    const tables = new Map<number, Uint32Array>();
    const slices = new TimeSlices(signal);
    let index = 0;
    for (let kind = 0; kind < kinds; kind++)
      for (let layer = 0; layer < layers; layer++)
        for (let token = 0; token < tokens; token++) {
          const exponent = exponents[index++];
          let table = tables.get(exponent);
          if (table === undefined)
            tables.set(exponent, (table = scaledCodes(writer, 2 ** exponent)));
          const at = kind * kindStride + layer * layerStride + token * tokenStride;
          writer.write(at, channels, codes, table, at);
          if (slices.over) await slices.giveWay();
        }
    writer.finish();
  },
};

/** The smallest exponent with which `largest` is still a code. */
function exponentFor(largest: number): number {
  if (largest === 0) return 0;
  return Math.max(Math.ceil(Math.log2(largest / largestCode)), lowestExponent);
}

function scaledCodes(writer: FloatWriter, scale: number): Uint32Array {
  return Uint32Array.from(numbersOf("float8_e4m3fn"), (number) => writer.bitsOf(number * scale));
}
