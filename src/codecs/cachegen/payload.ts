import type { Geometry } from "../tensor.ts";

// Payload of the codec `cachegen`. A sheet is one kind (keys, values) of one layer; sheets are in the order of
// kinds, then layers. All numbers are little-endian.
//
//   u32 tokens in a block, 256
//   u8  bins of each sheet, one more byte if the number of sheets is odd
//   u16 model of each channel of each sheet
//   u32 length of each piece, for each block of tokens, for each sheet
//   the pieces, in the same order:
//     scales  of the block's tokens: bits of the element type, 2 bytes each where those are fewer
//     stream  of rANS: see rans.ts
//
// Nothing in a block needs another: who has the head and a block's pieces can decode its tokens.

/** Tokens that are coded together; the last block may have fewer. */
export const TOKENS_PER_BLOCK = 256;

/** Bytes before the lengths. */
export function headBytes({ kinds, layers, channels }: Geometry): number {
  const sheets = kinds * layers;
  return 4 + sheets + (sheets & 1) + 2 * sheets * channels;
}

export function blocksOf(tokens: number): number {
  return Math.ceil(tokens / TOKENS_PER_BLOCK);
}

/** Bytes of one scale, for elements of that many bytes. */
export function scaleBytes(elementBytes: number): number {
  return Math.max(elementBytes, 2);
}
