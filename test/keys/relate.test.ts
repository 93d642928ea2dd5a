import { expect, test } from "vitest";
import { layersOf, otherHalf, ranksOf, relate } from "../../src/keys/relate.ts";

const blake = "6309ed506b8721905753f5c73c070bb21c3aafbd9b474b1e231f41368b71123c";

test.each([
  ["m@2@0@ab@half", "m@2@0@ab@half", "same"],
  ["m@2@0@ab@halfkv_bytes", "m@2@0@ab@halfmetadata", "parts"],
  ["m@2@0@ab@half:kv_bytes", "m@2@0@ab@half:metadata", "parts"],
  ["m@2@0@ab@half@0", "m@2@0@ab@half@7", "layers"],
  ["m@2@0@ab@half", "m@2@1@ab@half", "ranks"],
  ["m@2@0@ab@half@0", "m@2@1@ab@half@1", "chunk"],
  ["m@2@0@ab@half", "m@2@0@ac@half", undefined],
  ["m@2@0@ab@half", "m@2@0@ab@bfloat16", undefined],
  ["m@2@0@ab@half@user%a", "m@2@0@ab@half@user%b", undefined],
  [`m@02000200@0@${blake}`, `m@02010201@0@${blake}`, "ranks"],
  [`m@02000200@0@${blake}@a`, `m@02010201@0@${blake}@b`, undefined],
  [`hicache:m:0:2:${blake}`, `hicache:m:1:2:${blake}`, "ranks"],
  [`hicache:m:0:2:${blake}`, `hicache:m:0:2:${blake}.mamba`, "parts"],
  ["kv_s_layer_0_ab.pt", "kv_s_layer_1_ab.pt", "layers"],
  ["a", "b", undefined],
])("%s and %s: %s", (first, second, relation) => {
  expect(relate(first, second)).toBe(relation);
  expect(relate(second, first)).toBe(relation);
});

test("the other half", () => {
  expect(otherHalf("m@2@0@ab@halfkv_bytes")).toBe("m@2@0@ab@halfmetadata");
  expect(otherHalf("{m@2@0@ab@half}:metadata")).toBe("{m@2@0@ab@half}:kv_bytes");
  expect(otherHalf("m@2@0@ab@half")).toBeUndefined();
  expect(otherHalf(`hicache:m:${blake}.mamba`)).toBeUndefined();
  expect(otherHalf("nothing")).toBeUndefined();
});

test("layers of a chunk", () => {
  expect(layersOf("m@2@0@ab@half@user%bob", 2)).toEqual([
    "m@2@0@ab@half@0@user%bob",
    "m@2@0@ab@half@1@user%bob",
  ]);
  expect(layersOf(`hicache:m:${blake}`, 2)).toEqual([]);
});

test("ranks of a chunk", () => {
  expect(ranksOf("m@2@1@ab@half")).toEqual(["m@2@0@ab@half", "m@2@1@ab@half"]);
  expect(ranksOf(`m@04020200@0@${blake}`)).toEqual([
    `m@04000200@0@${blake}`,
    `m@04010201@0@${blake}`,
    `m@04020200@0@${blake}`,
    `m@04030201@0@${blake}`,
  ]);
  expect(ranksOf(`hicache:m:${blake}`)).toEqual([]);
  expect(ranksOf("nothing")).toEqual([]);
});
