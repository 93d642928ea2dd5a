import { expect, test } from "vitest";
import {
  hicacheEventHash,
  hicacheEventRoot,
  hicacheHasher,
  hicachePage,
  hicacheRoot,
  type HicacheHashOptions,
} from "../../../src/keys/hash/hicache.ts";

const pageB = "cf97adeedb59e05bfd73a2b4c2a8885708c4f4f70c84c64b27120e72ab733b72";

test.each<[what: string, tokens: number[], options: HicacheHashOptions, pages: string[]]>([
  [
    "A, pages of one token",
    [1, 2, 3, 4],
    { pageSize: 1 },
    [
      "67abdd721024f0ff4e0b3f4c2fc13bc5bad42d0b7851d456d88d203d15aaa450",
      "e95092c4b38d42d1363b9e9b06bc5d6377af1cd06651a9fedac8b36dc9e56114",
      "65a83b157c6cfe60e7f2b2dbc81912f32c87b62f180abb0b8b40bf4b5259ae86",
      "c6c57967c409c4a7922608584bb063c57e0785f766cb8dae3f2a77edb186150c",
    ],
  ],
  ["B, one page", [1, 2, 3, 4], { pageSize: 4 }, [pageB]],
  [
    "C, two pages",
    [1, 2, 3, 4, 5, 6, 7, 8],
    { pageSize: 4 },
    [pageB, "4ebfa8a1f3c341517621838c6e1b9aa350307e3f00b3cbd1a07ef740f54396d6"],
  ],
  [
    "E, bigrams",
    [1, 2, 3, 4, 5],
    { pageSize: 4, bigram: true },
    ["f721fe42aac11dcbfd1a17f24cc5765a0d5b6bc264d1c0b6581d775a7344c11f"],
  ],
  [
    "a LoRA adapter",
    [1, 2, 3, 4],
    { pageSize: 4, extraKey: "lora-a" },
    ["e4f68dc4af99b6de199d5a048add282da40aa4ef97942ce9eca321bccada9376"],
  ],
  [
    "a tenant",
    [1, 2, 3, 4],
    { pageSize: 4, cacheSalt: "tenant-1" },
    ["345d6999d980c858868bfd5f5c095e7059e2ef3fa0ed85375064ce6b4560b566"],
  ],
])("%s", (_, tokens, options, pages) => {
  expect(hicacheHasher(options).chain(Uint32Array.from(tokens)).hashes()).toEqual(pages);
});

test("J, a page of no tokens", () => {
  expect(hicachePage(new Uint32Array(0), {}).toString("hex")).toBe(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});

test("without a page size the whole prompt is a page", () => {
  expect(hicachePage(Uint32Array.of(1, 2, 3, 4), {}).toString("hex")).toBe(pageB);
  expect(hicachePage(Uint32Array.of(1, 2, 3, 4, 5), { bigram: true }).toString("hex")).toBe(
    "f721fe42aac11dcbfd1a17f24cc5765a0d5b6bc264d1c0b6581d775a7344c11f",
  );
});

test("a last page of fewer tokens counts when it is kept, bigrams are one fewer", () => {
  const tokens = Uint32Array.of(1, 2, 3, 4, 5);
  expect(hicacheHasher({ pageSize: 4 }).chain(tokens).length).toBe(1);
  expect(hicacheHasher({ pageSize: 4, unfull: true }).chain(tokens).length).toBe(2);
  expect(hicacheHasher({ pageSize: 4, unfull: true, bigram: true }).chain(tokens).length).toBe(1);
  expect(hicacheHasher({ pageSize: 4, bigram: true }).chain(tokens.subarray(0, 4)).length).toBe(0);
});

test("namespaces are seeds", () => {
  expect(hicacheRoot({}).length).toBe(0);
  expect(hicacheRoot({ extraKey: "lora-a" }).toString("hex")).toBe(
    "407c773a7c02b33bd4a62af6bf5fc77997c2c8067811ecf2b39e3839c3f4284b",
  );
  expect(hicacheRoot({ cacheSalt: "tenant-1" }).toString("hex")).toBe(
    "3ad2e4c0a01548f53b6eeefabd91653acdebfc600f84ca614c46d961df378b83",
  );
});

test("KV events", () => {
  expect(hicacheEventRoot("tenant-1").toString("hex")).toBe(
    "23c6b12a2de8357a660b45a142324dfc38bb06eeeaa011aeaa0f8a29de2deeea",
  );
  expect(hicacheEventHash(Buffer.from(pageB, "hex"))).toBe(-3488128144981237669n);
});
