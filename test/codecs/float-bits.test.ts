import { f16round, getFloat16, setFloat16 } from "@petamoriken/float16";
import { describe, expect, test } from "vitest";
import {
  bfloat16ToNumber,
  bitsOf,
  float16ToNumber,
  float8E4m3ToNumber,
  float8E5m2ToNumber,
  numberToBfloat16,
  numberToFloat16,
  numberToFloat8E4m3,
  numberToFloat8E5m2,
  numbersOf,
  rowToFloat8E4m3,
} from "../../src/codecs/float-bits.ts";
import { randomFrom } from "../fuzz/random.ts";

const view = new DataView(new ArrayBuffer(4));
const random = randomFrom(7);

/** Float32 numbers of all magnitudes, with many that are halfway between others. */
function anyFloats(count: number): number[] {
  return Array.from({ length: count }, () => {
    view.setUint32(0, random.below(2 ** 32));
    if (random.below(2) === 0) view.setUint16(2, random.pick([0, 0x8000, 0x7fff, 0x8001, 0x1000]));
    return view.getFloat32(0);
  });
}

describe("float16", () => {
  test("all patterns are the numbers that another implementation has", () => {
    for (let bits = 0; bits < 65_536; bits++) {
      view.setUint16(0, bits);
      expect(Object.is(float16ToNumber(bits), getFloat16(view, 0))).toBe(true);
      expect(numbersOf("float16")[bits]).toBe(float16ToNumber(bits));
    }
  });

  test("numbers become the same bits", () => {
    for (const value of anyFloats(200_000)) {
      setFloat16(view, 0, value);
      const bits = numberToFloat16(value);
      if (Number.isNaN(value)) expect(float16ToNumber(bits)).toBeNaN();
      else if (bits !== view.getUint16(0))
        expect([value, bits]).toEqual([value, view.getUint16(0)]);
    }
    expect(float16ToNumber(numberToFloat16(1 / 3))).toBe(f16round(1 / 3));
  });
});

const formats = [
  { name: "float16", toNumber: float16ToNumber, fromNumber: numberToFloat16, count: 65_536 },
  { name: "bfloat16", toNumber: bfloat16ToNumber, fromNumber: numberToBfloat16, count: 65_536 },
  {
    name: "float8_e4m3fn",
    toNumber: float8E4m3ToNumber,
    fromNumber: numberToFloat8E4m3,
    count: 256,
  },
  { name: "float8_e5m2", toNumber: float8E5m2ToNumber, fromNumber: numberToFloat8E5m2, count: 256 },
] as const;

for (const { name, toNumber, fromNumber, count } of formats)
  describe(name, () => {
    test("all patterns survive the way there and back", () => {
      for (let bits = 0; bits < count; bits++) {
        const value = toNumber(bits);
        if (Number.isNaN(value)) expect(toNumber(fromNumber(value))).toBeNaN();
        else if (fromNumber(value) !== bits)
          expect([value, fromNumber(value)]).toEqual([value, bits]);
        expect(bitsOf(name, value)).toBe(fromNumber(value));
      }
    });

    test("what is between two goes to the nearest, and halfway to the even one", () => {
      const half = count / 2;
      for (let bits = 0; bits + 1 < half; bits++) {
        const [low, high] = [toNumber(bits), toNumber(bits + 1)];
        if (!Number.isFinite(high)) break;
        const middle = (low + high) / 2;
        const step = high - low;
        const even = bits % 2 === 0 ? bits : bits + 1;
        const got = [middle, middle - step / 8, middle + step / 8, -middle].map(fromNumber);
        const wanted = [even, bits, bits + 1, even + half];
        if (got.join() !== wanted.join()) expect([bits, got]).toEqual([bits, wanted]);
      }
    });
  });

test("FP8 has the range that PyTorch gives it", () => {
  expect(float8E4m3ToNumber(0x7e)).toBe(448);
  expect(float8E4m3ToNumber(numberToFloat8E4m3(463.9))).toBe(448);
  expect(float8E4m3ToNumber(numberToFloat8E4m3(1e9))).toBeNaN();
  expect(float8E5m2ToNumber(0x7b)).toBe(57_344);
  expect(float8E5m2ToNumber(numberToFloat8E5m2(-1e9))).toBe(-Infinity);
  expect(float8E4m3ToNumber(1)).toBe(2 ** -9);
});

test("a row becomes the FP8 codes of its numbers one by one", () => {
  const numbers = Array.from({ length: 5000 }, () => (random.below(2 ** 24) / 2 ** 24 - 0.5) * 1.7);
  const tiny = numbers.map((number) => number * 2 ** -12);
  const halves = [...numbersOf("float8_e4m3fn")]
    .filter(Number.isFinite)
    .map((n) => (n * 1.0625) / 512);
  const all = [...numbers, ...tiny, ...halves, 0, -0];
  const row = Float32Array.from(all);
  const wanted = Array.from(row, (number) => numberToFloat8E4m3(number * 512));
  const codes = new Uint8Array(all.length + 1);
  rowToFloat8E4m3(row, new Uint32Array(row.buffer), 512, codes, 1);
  expect([...codes.subarray(1)]).toEqual(wanted);
});
