import { type Dtype, type FloatDtype, isFloatDtype } from "./dtypes.ts";

// Numbers of few bits: IEEE 754 half precision, its upper cousin bfloat16, and the two OCP 8-bit formats as
// PyTorch has them (`float8_e4m3fn`: no infinity, one NaN a sign; `float8_e5m2`: the upper byte of a half).

const oneFloat = new Float32Array(1);
const oneWord = new Uint32Array(oneFloat.buffer);

/** The number whose half precision bits are `bits`. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0
    ? sign * mantissa * 2 ** -24
    : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** The number whose bfloat16 bits are `bits`. */
export function bfloat16ToNumber(bits: number): number {
  oneWord[0] = bits << 16;
  return oneFloat[0];
}

/** The number whose float8_e4m3fn bits are `bits`. */
export function float8E4m3ToNumber(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 0xf;
  const mantissa = bits & 7;
  if (exponent === 0xf && mantissa === 7) return Number.NaN;
  return exponent === 0
    ? sign * mantissa * 2 ** -9
    : sign * (1 + mantissa / 8) * 2 ** (exponent - 7);
}

/** The number whose float8_e5m2 bits are `bits`. */
export function float8E5m2ToNumber(bits: number): number {
  return float16ToNumber(bits << 8);
}

/** The half precision bits nearest to `value`, to even where two are; beyond 65,519 infinity. */
export function numberToFloat16(value: number): number {
  return roundedBits(value, 10, -14, 0x7c00, 0x7e00);
}

/** The bfloat16 bits nearest to the float32 `value`, to even where two are. */
export function numberToBfloat16(value: number): number {
  oneFloat[0] = value;
  const word = oneWord[0];
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

/** The float8_e4m3fn bits nearest to `value`, to even where two are; from 464 on NaN, as PyTorch has it. */
export function numberToFloat8E4m3(value: number): number {
  return roundedBits(value, 3, -6, 0x7f, 0x7f);
}

/** The float8_e5m2 bits nearest to `value`, to even where two are; beyond 57,344 and a half step infinity. */
export function numberToFloat8E5m2(value: number): number {
  return roundedBits(value, 2, -14, 0x7c, 0x7e);
}

/**
 * @param mantissaBits explicit ones
 * @param lowest the exponent of the smallest normal number
 * @param overflow bits of what is too large
 * @param nan bits of NaN
 */
function roundedBits(
  value: number,
  mantissaBits: number,
  lowest: number,
  overflow: number,
  nan: number,
): number {
  oneFloat[0] = value;
  const word = oneWord[0];
  const magnitude = word & 0x7fffffff;
  const signBits = mantissaBits === 10 ? (word >>> 16) & 0x8000 : (word >>> 24) & 0x80;
  if (magnitude > 0x7f800000) return signBits | nan;
  const drop = 23 - mantissaBits;
  const exponent = (magnitude >>> 23) - 127;
  if (exponent >= lowest) {
    const rounded = magnitude + (1 << (drop - 1)) - 1 + ((magnitude >>> drop) & 1);
    const bits = (rounded >>> drop) - ((lowest + 126) << mantissaBits);
    return signBits | Math.min(bits, overflow);
  }
  const shift = drop + lowest - exponent;
  if (shift > 25) return signBits;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const half = 2 ** (shift - 1);
  return signBits | ((mantissa + half - 1 + ((mantissa >>> shift) & 1)) >>> shift);
}

interface Bits {
  readonly toNumber: (bits: number) => number;
  readonly fromNumber: (value: number) => number;
  readonly count: number;
}

/**
 * The same for a row of numbers times `factor`, none of them beyond 448 then.
 *
 * @param row is overwritten
 * @param words a view of the row's memory
 */
export function rowToFloat8E4m3(
  row: Float32Array,
  words: Uint32Array,
  factor: number,
  codes: Uint8Array,
  at: number,
): void {
  for (let i = 0; i < row.length; i++) {
    row[i] *= factor;
    const word = words[i];
    const magnitude = word & 0x7fffffff;
    const sign = (word >>> 24) & 0x80;
    if (magnitude >= 0x3c800000) {
      const rounded = magnitude + 0x7ffff + ((magnitude >>> 20) & 1);
      codes[at + i] = sign | ((rounded >>> 20) - (120 << 3));
    } else {
      // Beside 2^14 a float32 has steps of 2^-9, those of codes below the smallest normal one.
      row[i] = Math.abs(row[i]) + 16_384;
      codes[at + i] = sign | (words[i] & 0xff);
    }
  }
}

const formats: Readonly<Record<Exclude<FloatDtype, "float32">, Bits>> = {
  float16: { toNumber: float16ToNumber, fromNumber: numberToFloat16, count: 65_536 },
  bfloat16: { toNumber: bfloat16ToNumber, fromNumber: numberToBfloat16, count: 65_536 },
  float8_e4m3fn: { toNumber: float8E4m3ToNumber, fromNumber: numberToFloat8E4m3, count: 256 },
  float8_e5m2: { toNumber: float8E5m2ToNumber, fromNumber: numberToFloat8E5m2, count: 256 },
};

const tables = new Map<FloatDtype, Float32Array>();

/** The numbers of all bit patterns of a type, by pattern; made when first asked for. */
export function numbersOf(dtype: Exclude<FloatDtype, "float32">): Float32Array {
  let table = tables.get(dtype);
  if (table === undefined) {
    const { count, toNumber } = formats[dtype];
    table = Float32Array.from({ length: count }, (_, bits) => toNumber(bits));
    tables.set(dtype, table);
  }
  return table;
}

/** The bits of `dtype` nearest to `value`. */
export function bitsOf(dtype: FloatDtype, value: number): number {
  if (dtype !== "float32") return formats[dtype].fromNumber(value);
  oneFloat[0] = value;
  return oneWord[0];
}

/** How far the nearest element of a type may be off, as a share of the number; 0 for types without fractions. */
export function roundingOf(dtype: Dtype): number {
  const mantissaBits = { float16: 10, bfloat16: 7, float32: 23, float8_e4m3fn: 3, float8_e5m2: 2 };
  return isFloatDtype(dtype) ? 2 ** -(mantissaBits[dtype] + 1) : 0;
}
