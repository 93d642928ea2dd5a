import { expect, test } from "vitest";
import { dtypeNames, dtypeOf, dtypes, isFloatDtype } from "../../src/codecs/dtypes.ts";
import {
  type MemoryFormat,
  geometryOf,
  memoryFormatOf,
  memoryFormats,
  plainBytes,
  tensorBytes,
  tensorOf,
} from "../../src/codecs/tensor.ts";

test("element types and memory formats have LMCache's numbers", () => {
  for (const name of dtypeNames) expect(dtypeOf(dtypes[name].code)).toBe(name);
  expect(dtypeOf(1)).toBe("float16");
  expect(dtypeOf(99)).toBeUndefined();
  expect(memoryFormatOf(1)).toBe("KV_2LTD");
  expect(memoryFormatOf(6)).toBe("KV_MLA_FMT");
  expect(memoryFormatOf(0)).toBeUndefined();
  expect(dtypeNames.filter(isFloatDtype)).toHaveLength(5);
});

test("tokens follow from a block's length", () => {
  const layout = { dtype: "bfloat16", format: "KV_2LTD", layers: 3, channels: 8 } as const;
  expect(tensorOf(layout, 2 * 3 * 5 * 8 * 2)?.shape).toEqual([2, 3, 5, 8]);
  expect(tensorOf(layout, 2 * 3 * 5 * 8 * 2 + 2)).toBeUndefined();
  expect(tensorOf({ ...layout, format: "KV_T2D", layers: 1 }, 2 * 7 * 8 * 2)?.shape).toEqual([
    7, 2, 8,
  ]);
  expect(tensorOf({ ...layout, format: "KV_2TD" }, 2 * 7 * 8 * 2)?.shape).toEqual([2, 7, 8]);
  expect(tensorOf({ ...layout, format: "KV_MLA_FMT" }, 3 * 7 * 8 * 2)?.shape).toEqual([1, 3, 7, 8]);
  expect(tensorOf({ ...layout, channels: 0 }, 64)).toBeUndefined();
  expect(tensorBytes(plainBytes(7))).toBe(7);
});

test("a shape that is none of its format has no length", () => {
  const dtype = "float16";
  for (const [format, shape] of [
    ["KV_2LTD", [1, 3, 5, 8]],
    ["KV_2LTD", [2, 3, 5]],
    ["KV_MLA_FMT", [2, 3, 5, 8]],
    ["KV_T2D", [2, 5, 8]],
    ["KV_2TD", [2, 5, 0.5]],
    ["BINARY", [-1]],
  ] as const)
    expect(tensorBytes({ dtype, format, shape })).toBeNaN();
});

test.each(["KV_2LTD", "KV_T2D", "KV_2TD", "KV_MLA_FMT"] as const)(
  "the rows of %s cover each element once",
  (format) => {
    const tensor = tensorOf({ dtype: "uint8", format, layers: 3, channels: 4 }, 2 * 3 * 5 * 4 * 2);
    const { kinds, layers, tokens, channels, ...strides } = geometryOf(tensor!)!;
    const seen = new Set<number>();
    for (let kind = 0; kind < kinds; kind++)
      for (let layer = 0; layer < layers; layer++)
        for (let token = 0; token < tokens; token++)
          for (let channel = 0; channel < channels; channel++)
            seen.add(
              kind * strides.kindStride +
                layer * strides.layerStride +
                token * strides.tokenStride +
                channel,
            );
    const count = tensorBytes(tensor!);
    expect(seen.size).toBe(count);
    expect(Math.max(...seen)).toBe(count - 1);
  },
);

test("bytes have no rows", () => {
  expect(geometryOf(plainBytes(5))).toBeUndefined();
  expect(Object.keys(memoryFormats) satisfies MemoryFormat[] | string[]).toHaveLength(5);
});
