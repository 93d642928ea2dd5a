import { numbersOf } from "../../codecs/float-bits.ts";

/** A half in float32's bits, which turns numbers too small for a whole exponent into their bits by an addition. */
const shift = new Float32Array([0.5]);
const shiftWord = new Uint32Array(shift.buffer);
const halfWord = shiftWord[0];
/** From float32's exponents to float16's, and half of what is cut off, less the last bit that is kept. */
const rebase = ((15 - 127) << 23) + 0xfff;

/**
 * Float32 numbers, given by their bits, as the float16 bits nearest to them, to even where two are.
 *
 * @returns whether all of them are finite as float16
 */
export function toHalves(words: Uint32Array, halves: Uint16Array): boolean {
  let finite = true;
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    const size = word & 0x7fffffff;
    const sign = (word >>> 16) & 0x8000;
    if (size >= 0x47800000) halves[at] = sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00);
    else if (size < 0x38800000) halves[at] = sign | smallHalf(size);
    else halves[at] = sign | ((size + rebase + ((size >>> 13) & 1)) >>> 13);
    if ((halves[at] & 0x7c00) === 0x7c00) finite = false;
  }
  return finite;
}

/** The numbers that float16 bits stand for. */
export function fromHalves(halves: Uint16Array, numbers: Float32Array): void {
  const table = numbersOf("float16");
  for (let at = 0; at < halves.length; at++) numbers[at] = table[halves[at]];
}

function smallHalf(size: number): number {
  shiftWord[0] = size;
  shift[0] += 0.5;
  return shiftWord[0] - halfWord;
}
