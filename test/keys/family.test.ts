import * as fc from "fast-check";
import { expect, test } from "vitest";
import { keyFamilies, parseKey } from "../../src/keys/family.ts";
import { nativeKey } from "../../src/keys/native.ts";

const blake = "6309ed506b8721905753f5c73c070bb21c3aafbd9b474b1e231f41368b71123c";
const llama = { family: "lmcache", model: "meta-llama/Llama-3.1-8B", worldSize: 8, rank: 3 };
const qwen = {
  family: "lmcache-mp",
  model: "Qwen/Qwen3-8B",
  worldSize: 1,
  rank: 0,
  localWorldSize: 1,
  localRank: 0,
};
const page = { family: "hicache", model: "meta-llama-Llama-3.1-8B", hash: blake };

test.each<[what: string, key: string, facts: object]>([
  [
    "v0, sha256",
    `vllm@m@1@0@${blake}`,
    { family: "lmcache", format: "vllm", model: "m", worldSize: 1, rank: 0, hash: blake },
  ],
  [
    "v1 ≈0.3, hex int",
    "vllm@meta-llama/Llama-3.1-8B@8@3@7e36a06c49df122e",
    { ...llama, format: "vllm", hash: "7e36a06c49df122e" },
  ],
  [
    "v1 with tags",
    "vllm@m@1@0@12ab@user%bob",
    {
      family: "lmcache",
      format: "vllm",
      model: "m",
      worldSize: 1,
      rank: 0,
      hash: "12ab",
      tags: [["user", "bob"]],
    },
  ],
  [
    "≈0.3.9, dtype",
    "vllm@meta-llama/Llama-3.1-8B@8@3@12ab@half",
    { ...llama, format: "vllm", hash: "12ab", dtype: "half" },
  ],
  [
    "newest",
    "meta-llama/Llama-3.1-8B@8@3@44ea817d9387da2c@bfloat16",
    { ...llama, hash: "44ea817d9387da2c", dtype: "bfloat16" },
  ],
  [
    "negative hash",
    "meta-llama/Llama-3.1-8B@8@3@-5754ed40775a7be6@bfloat16",
    { ...llama, hash: "-5754ed40775a7be6", dtype: "bfloat16" },
  ],
  [
    "layerwise",
    "meta-llama/Llama-3.1-8B@8@3@1f@float@17",
    { ...llama, hash: "1f", dtype: "float", layer: 17 },
  ],
  [
    "tags",
    "meta-llama/Llama-3.1-8B@8@3@1f@uint8@user%bob@lvl%9%9",
    {
      ...llama,
      hash: "1f",
      dtype: "uint8",
      tags: [
        ["user", "bob"],
        ["lvl", "9%9"],
      ],
    },
  ],
  [
    "layer and tag",
    "meta-llama/Llama-3.1-8B@8@3@1f@uint8@0@a%b",
    { ...llama, hash: "1f", dtype: "uint8", layer: 0, tags: [["a", "b"]] },
  ],
  [
    "redis:// bytes",
    "meta-llama/Llama-3.1-8B@8@3@1f@bfloat16kv_bytes",
    { ...llama, hash: "1f", dtype: "bfloat16", part: "kv_bytes", partForm: "joined" },
  ],
  [
    "redis:// metadata",
    "meta-llama/Llama-3.1-8B@8@3@1f@bfloat16metadata",
    { ...llama, hash: "1f", dtype: "bfloat16", part: "metadata", partForm: "joined" },
  ],
  [
    "redis:// without dtype",
    "vllm@m@1@0@12abkv_bytes",
    {
      family: "lmcache",
      format: "vllm",
      model: "m",
      worldSize: 1,
      rank: 0,
      hash: "12ab",
      part: "kv_bytes",
      partForm: "joined",
    },
  ],
  [
    "redis:// with a tag",
    "m@1@0@12ab@int8@t%xmetadata",
    {
      family: "lmcache",
      model: "m",
      worldSize: 1,
      rank: 0,
      hash: "12ab",
      dtype: "int8",
      tags: [["t", "x"]],
      part: "metadata",
      partForm: "joined",
    },
  ],
  [
    "older valkey://",
    "meta-llama/Llama-3.1-8B@8@3@1f@half:kv_bytes",
    { ...llama, hash: "1f", dtype: "half", part: "kv_bytes", partForm: "colon" },
  ],
  [
    "older valkey:// cluster",
    "{meta-llama/Llama-3.1-8B@8@3@1f@half}:metadata",
    { ...llama, hash: "1f", dtype: "half", part: "metadata", partForm: "braces" },
  ],
  [
    "model like hex",
    "cafe@2@1@beef@fp8_e4m3fn",
    { family: "lmcache", model: "cafe", worldSize: 2, rank: 1, hash: "beef", dtype: "fp8_e4m3fn" },
  ],
  ["MP, first", `Qwen/Qwen3-8B@01000100@${blake}`, { ...qwen, hash: blake }],
  [
    "MP, salted",
    `Qwen/Qwen3-8B@01000100@${blake}@tenant-1`,
    { ...qwen, hash: blake, salt: "tenant-1" },
  ],
  ["MP, newest", `Qwen/Qwen3-8B@01000100@0@${blake}`, { ...qwen, group: 0, hash: blake }],
  [
    "MP, newest and salted",
    `Qwen/Qwen3-8B@08030401@1f@44ea817d9387da2c@a@b`,
    {
      ...qwen,
      worldSize: 8,
      rank: 3,
      localWorldSize: 4,
      localRank: 1,
      group: 31,
      hash: "44ea817d9387da2c",
      salt: "a@b",
    },
  ],
  [
    "MP, with key_prefix",
    `cluster@a@Qwen/Qwen3-8B@01000100@0@${blake}`,
    { ...qwen, prefix: "cluster@a", group: 0, hash: blake },
  ],
  ["HiCache", `hicache:meta-llama-Llama-3.1-8B:1:4:${blake}`, { ...page, worldSize: 4, rank: 1 }],
  ["HiCache MLA", `hicache:meta-llama-Llama-3.1-8B:${blake}`, page],
  [
    "HiCache side pool",
    `hicache:meta-llama-Llama-3.1-8B:1:4:${blake}.mamba`,
    { ...page, worldSize: 4, rank: 1, part: "mamba" },
  ],
  [
    "HiCache model with colons",
    `hicache:a:b:0:1:${blake}`,
    { ...page, model: "a:b", worldSize: 1, rank: 0 },
  ],
  [
    "DKVM",
    `kv_session_0000_layer_0_${blake}.pt`,
    { family: "dkvm", session: "session_0000", layer: 0, hash: blake },
  ],
  [
    "DKVM record",
    `/kvmeta/kv_s_layer_12_ab.pt`,
    { family: "dkvm", session: "s", layer: 12, hash: "ab", part: "metadata" },
  ],
  [
    "native",
    nativeKey({ model: "m", hash: "ab", dtype: "uint8" }),
    { family: "native", model: "m", worldSize: 1, rank: 0, hash: "ab", dtype: "uint8" },
  ],
])("%s: %s", (_, key, facts) => {
  expect(parseKey(key)).toEqual(facts);
  expect(parseKey(Buffer.from(key))).toEqual(facts);
});

test.each([
  "",
  "user:1000",
  "metadata",
  "kv_bytes",
  "a@b@c@d@e",
  "@1@0@ab@half",
  "m@1@0@ab",
  "m@1@0@ab@half@notatag",
  `hicache:m:0:1:${blake.slice(1)}`,
  "Qwen@01000100@0",
  "kv_s_layer_x_ab.pt",
])("%j belongs to no family", (key) => {
  expect(parseKey(key)).toEqual({ family: "unknown" });
});

test("any bytes have a family", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(keyFamilies).toContain(parseKey(bytes).family);
    }),
  );
});
