import { type FloatDtype } from "../../src/codecs/dtypes.ts";
import { numberToBfloat16, numberToFloat16, numbersOf } from "../../src/codecs/float-bits.ts";
import type { Tensor } from "../../src/codecs/tensor.ts";
import { type NumberError, numberError } from "./quality.ts";
import type { Row } from "./rows.ts";

/** Blocks of one text, all of one shape. */
export interface Blocks {
  readonly tensor: Tensor & { readonly dtype: Exclude<FloatDtype, "float32"> };
  readonly blocks: readonly Uint8Array[];
}

export interface Measured {
  /** Original bytes over encoded bytes. */
  readonly ratio: number;
  /** Bytes of the original for each CPU second of all threads, both ways: hardly changed by other load. */
  readonly encodeRate: number;
  readonly decodeRate: number;
  readonly error: NumberError;
  /** What was decoded. */
  readonly decoded: readonly Uint8Array[];
}

/** Encodes and decodes all blocks, `rounds` times; rates are the best of all, what other load disturbed least. */
export async function measure(row: Row, blocks: Blocks, rounds: number): Promise<Measured> {
  const { tensor } = blocks;
  const decoded = blocks.blocks.map((block) => new Uint8Array(block.length));
  const encodeRates: number[] = [];
  const decodeRates: number[] = [];
  let before = 0;
  let after = 0;
  for (let round = 0; round < rounds; round++)
    for (const [index, block] of blocks.blocks.entries()) {
      const begun = process.cpuUsage();
      const payload = Buffer.concat(await row.codec.encode(block, tensor, row.options));
      const encoded = process.cpuUsage(begun);
      const between = process.cpuUsage();
      await row.codec.decode(payload, tensor, decoded[index]);
      const unpacked = process.cpuUsage(between);
      encodeRates.push((1e6 * block.length) / (encoded.user + encoded.system));
      decodeRates.push((1e6 * block.length) / (unpacked.user + unpacked.system));
      before += block.length;
      after += payload.length;
    }
  return {
    ratio: before / after,
    encodeRate: Math.max(...encodeRates),
    decodeRate: Math.max(...decodeRates),
    error: numberError(numbersIn(blocks, blocks.blocks), numbersIn(blocks, decoded)),
    decoded,
  };
}

/** The same blocks as an engine that computes in bfloat16 would have them. */
export function asBfloat16({ tensor, blocks }: Blocks): Blocks {
  const numbers = numbersOf(tensor.dtype);
  return {
    tensor: { ...tensor, dtype: "bfloat16" },
    blocks: blocks.map((block) => {
      const elements = new Uint16Array(block.buffer);
      const converted = elements.map((bits) => numberToBfloat16(numbers[bits]));
      return new Uint8Array(converted.buffer);
    }),
  };
}

/** Decoded blocks as the float16 that the engine works with. */
export function asFloat16({ tensor }: Blocks, decoded: readonly Uint8Array[]): Uint8Array[] {
  if (tensor.dtype === "float16") return [...decoded];
  const numbers = numbersOf(tensor.dtype);
  return decoded.map((block) => {
    const elements = new Uint16Array(block.buffer);
    return new Uint8Array(elements.map((bits) => numberToFloat16(numbers[bits])).buffer);
  });
}

function numbersIn({ tensor }: Blocks, blocks: readonly Uint8Array[]): Float32Array {
  const numbers = numbersOf(tensor.dtype);
  const elements = blocks.map((block) => new Uint16Array(block.buffer));
  const result = new Float32Array(elements.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of elements) for (const bits of each) result[at++] = numbers[bits];
  return result;
}
