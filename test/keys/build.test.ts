import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isKeepwarmError } from "../../src/errors.ts";
import type { KeyOf } from "../../src/keys/facts.ts";
import { buildKey, parseKey } from "../../src/keys/family.ts";

const hex = (length: number) =>
  fc.string({
    unit: fc.constantFrom(...Array.from("0123456789abcdef")),
    minLength: length,
    maxLength: length,
  });
const text = fc.string({
  unit: fc.constantFrom(...Array.from("abcXYZ/-._: é")),
  minLength: 1,
  maxLength: 12,
});
const model = text.map((name) => `m${name}`);
const dtype = fc.constantFrom("half", "bfloat16", "float", "uint8", "fp8_e4m3fn");
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const ranks = fc
  .integer({ min: 1, max: 255 })
  .chain((worldSize) =>
    fc.record({ worldSize: fc.constant(worldSize), rank: fc.nat(worldSize - 1) }),
  );
const part = maybe(
  fc.record({
    part: fc.constantFrom("kv_bytes", "metadata"),
    partForm: fc.constantFrom("joined", "colon", "braces"),
  }),
);
const chunkHash = fc.oneof(
  hex(16).map((hash) => `-${hash}`),
  hex(16),
  hex(7),
  hex(64),
);

const lmcache = fc
  .record({
    ranks,
    part,
    model,
    hash: chunkHash,
    dtype,
    layer: maybe(fc.nat(200)),
    format: maybe(fc.constant("vllm")),
    tags: maybe(
      fc.array(fc.tuple(fc.constantFrom("user", "lvl", "7", "__proto__"), hex(4)), {
        minLength: 1,
        maxLength: 3,
      }),
    ),
  })
  .map(({ ranks, part, ...rest }) => ({ family: "lmcache", ...ranks, ...part, ...rest }));
const native = fc
  .record({ ranks, model, hash: hex(64), dtype })
  .map(({ ranks, ...rest }) => ({ family: "native", ...ranks, ...rest }));
const multiProcess = fc
  .record({
    ranks,
    model,
    hash: fc.oneof(hex(16), hex(32), hex(64)),
    group: maybe(fc.nat(0xffff)),
    salt: maybe(fc.constantFrom("tenant-1", "a@b")),
    prefix: maybe(fc.constantFrom("cluster", "a@b")),
  })
  .map(({ ranks: { worldSize, rank }, ...rest }) => ({
    family: "lmcache-mp",
    worldSize,
    rank,
    localWorldSize: worldSize,
    localRank: rank,
    ...rest,
  }));
const hicache = fc
  .record({
    ranks: maybe(ranks),
    model,
    hash: hex(64),
    part: maybe(fc.constantFrom("mamba", "swa")),
  })
  .map(({ ranks, ...rest }) => ({ family: "hicache", ...ranks, ...rest }));
const dkvm = fc
  .record({
    session: model,
    layer: fc.nat(100),
    hash: hex(16),
    part: maybe(fc.constant("metadata")),
  })
  .map((facts) => ({ family: "dkvm", ...facts }));

const facts = fc
  .oneof(lmcache, native, multiProcess, hicache, dkvm)
  .map((given) => JSON.parse(JSON.stringify(given)) as KeyOf);

test("what is built is parsed to the same facts", () => {
  fc.assert(
    fc.property(facts, (given) => {
      expect(parseKey(buildKey(given))).toEqual(given);
    }),
  );
});

// Near misses as well: fields of all families in any order, joined by their separators.
const field = fc.oneof(
  hex(16),
  hex(64),
  hex(8),
  fc.constantFrom(
    "m",
    "vllm",
    "kw",
    "0",
    "1",
    "01",
    "12",
    "half",
    "user%bob",
    "a%b%c",
    "",
    "01000100",
  ),
  fc.constantFrom("hicache", "kv_s_layer_3_ab.pt", "/kvmeta/kv_s_layer_07_ab.pt"),
);
const anyKey = fc
  .tuple(
    fc.array(field, { minLength: 2, maxLength: 8 }),
    fc.constantFrom("@", ":"),
    fc.constantFrom("", "", "kv_bytes", ":metadata", "}:kv_bytes", ".mamba"),
    fc.constantFrom("", "", "{"),
  )
  .map(([fields, separator, end, begin]) => begin + fields.join(separator) + end);

test("what is parsed is built to the same key", () => {
  let known = 0;
  fc.assert(
    fc.property(fc.oneof(anyKey, facts.map(buildKey)), (key) => {
      const told = parseKey(key);
      if (told.family === "unknown") return;
      known++;
      expect(buildKey(told as KeyOf)).toBe(key);
    }),
    { numRuns: 3000 },
  );
  expect(known).toBeGreaterThan(500);
});

test.each<[what: string, facts: KeyOf, message: RegExp]>([
  [
    "a model with @",
    { family: "lmcache", model: "a@b", worldSize: 1, rank: 0, hash: "ab", dtype: "half" },
    /family lmcache cannot have "a@b" as model/,
  ],
  [
    "a hash that is none",
    { family: "hicache", model: "m", hash: "ab" },
    /family hicache cannot have/,
  ],
  [
    "more ranks than a byte tells",
    { family: "lmcache-mp", model: "m", worldSize: 256, rank: 0, hash: "ab".repeat(32) },
    /family lmcache-mp cannot have/,
  ],
])("refuses %s", (_, facts, message) => {
  const build = () => buildKey(facts);
  expect(build).toThrow(message);
  try {
    build();
  } catch (error) {
    expect(isKeepwarmError(error, "INPUT_INVALID")).toBe(true);
  }
});
