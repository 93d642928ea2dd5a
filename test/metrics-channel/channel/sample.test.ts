import { expect, it } from "vitest";
import { ChannelKeys } from "../../../src/metrics-channel/channel/keys.ts";
import { formatListRow, parseListRow } from "../../../src/metrics-channel/channel/list-form.ts";
import {
  decodeSample,
  encodeSample,
  sampleBytes,
} from "../../../src/metrics-channel/channel/sample.ts";
import { compileGlob } from "../../../src/util/glob.ts";

it("has this form, byte by byte", () => {
  const bytes = encodeSample({ step: 0x01020304, rank: 0x0506, norm: 1, entropy: -2 });
  const empty = "0000000000000000";
  expect(bytes.toString("hex")).toBe(`0105060504030201000000000000f03f${empty}00000000000000c0`);
  expect(decodeSample(bytes)).toEqual({ step: 0x01020304, rank: 0x0506, norm: 1, entropy: -2 });
});

it("is nothing when it is damaged, or of a version to come", () => {
  const bytes = encodeSample({ step: 1, norm: 1 });
  expect(bytes).toHaveLength(sampleBytes);
  expect(decodeSample(bytes.subarray(1))).toBeUndefined();
  expect(decodeSample(Buffer.concat([bytes, bytes]))).toBeUndefined();
  expect(decodeSample(Buffer.from([2, ...bytes.subarray(1)]))).toBeUndefined();
  expect(decodeSample(Buffer.from([1, 8, ...bytes.subarray(2)]))).toBeUndefined();
});

it.each([
  { step: -1 },
  { step: 0.5 },
  { step: 2 ** 32 },
  { step: NaN },
  { step: 0, rank: -1 },
  { step: 0, rank: 65_536 },
])("refuses %o", (sample) => {
  expect(() => encodeSample(sample)).toThrow(TypeError);
});

it.each([
  ["1.0,2.0,3.0", { norm: 1, temperedNorm: 2, entropy: 3 }],
  ["inf,-inf,nan", { norm: Infinity, temperedNorm: -Infinity, entropy: NaN }],
  ["1e-07,-2.5e+300,0.1", { norm: 1e-7, temperedNorm: -2.5e300, entropy: 0.1 }],
  [" 5 , .5,5.", { norm: 5, temperedNorm: 0.5, entropy: 5 }],
])("reads the row %s", (row, measures) => {
  expect(parseListRow(row, 4)).toEqual({ step: 4, ...measures });
});

it.each(["", "1,2", "1,2,3,4", "1,2,x", "1,,3", "0x10,1,1", "1,2,3\n4"])(
  "finds no row in %j",
  (row) => {
    expect(parseListRow(row, 0)).toBeUndefined();
  },
);

it("writes rows as Python does", () => {
  expect(formatListRow({ step: 0, norm: 12, temperedNorm: -0, entropy: 0.1 })).toBe(
    "12.0,-0.0,0.1",
  );
  expect(formatListRow({ step: 0, norm: Infinity, temperedNorm: NaN })).toBe("inf,nan,0.0");
  expect(formatListRow({ step: 0, norm: 1e-7, temperedNorm: 1e21, entropy: -Infinity })).toBe(
    "1e-7,1e+21,-inf",
  );
});

it("keeps the keys of one run in one slot of a cluster, and finds those of all runs", () => {
  const keys = new ChannelKeys("a*b", "run-1");
  expect(keys.of("request:7")).toBe("a*b:metrics:{run-1}:request:7");
  const matches = compileGlob(ChannelKeys.pattern("a*b"));
  expect(matches(Buffer.from(keys.of("x")))).toBe(true);
  expect(matches(Buffer.from(keys.aside("x", "y")))).toBe(true);
  expect(matches(Buffer.from("axb:metrics:{run-1}:x"))).toBe(false);
});

it.each([
  ["", "run"],
  ["ns", ""],
  ["ns", "a}b"],
  ["n{s", "a"],
  ["ns", "x".repeat(301)],
])("refuses namespace %j with run %j", (namespace, run) => {
  expect(() => new ChannelKeys(namespace, run)).toThrow(TypeError);
});
