import { randomInt } from "node:crypto";
import { buildKey } from "../../src/keys/family.ts";
import type { KeyOf } from "../../src/keys/facts.ts";
import {
  lmcacheHasher,
  lmcacheHashes,
  lmcacheMpHasher,
  lmcacheMpHashes,
  type LmcacheHash,
  type LmcacheMpHash,
  type LmcacheRelease,
} from "../../src/keys/hash/lmcache.ts";
import type { LmcacheVersion } from "./lmcache-environment.ts";

/** What LMCache runs in. */
export interface HashSetting {
  readonly version: LmcacheVersion;
  readonly vllm: boolean;
  /** PYTHONHASHSEED; none: not set. */
  readonly seed: string | undefined;
  readonly pythonMinor: number;
}

/** Tokens, and what LMCache should make of them. */
export interface HashCase {
  readonly name: string;
  readonly mode: "in process" | "MP";
  readonly hash: string;
  readonly chunkSize: number;
  readonly unfull: boolean;
  readonly tags: boolean;
  readonly salt: string;
  readonly tokens: readonly number[];
  readonly expected: readonly unknown[];
}

const releases: Record<LmcacheVersion, LmcacheRelease> = {
  "0.5.6": "0.4.6",
  "0.4.5": "0.4",
  "0.3.15": "0.3",
};
const ranks = { model: "org/model-1.5", worldSize: 4, rank: 3 };
/** Chunk sizes, and the tokens given: none, fewer than a chunk, some chunks and a rest, many. */
const shapes = [
  [1, 3],
  [2, 7],
  [3, 9],
  [4, 0],
  [16, 15],
  [256, 4 * 256 + 17],
  [30_000, 60_001],
] as const;

/** All cases that can be told beforehand in `setting`, with random tokens. */
export async function hashCases(setting: HashSetting): Promise<HashCase[]> {
  const cases: HashCase[] = [];
  for (const [chunkSize, count] of shapes) {
    const tokens = Array.from({ length: count }, randomToken);
    for (const hash of lmcacheHashes)
      for (const unfull of [false, true])
        if (isReproducible(setting, hash, "in process"))
          cases.push(await inProcessCase(setting, hash, chunkSize, unfull, tokens));
    for (const hash of lmcacheMpHashes)
      if (isReproducible(setting, hash, "MP"))
        cases.push(await multiProcessCase(setting, hash, chunkSize, tokens));
  }
  return cases;
}

/** Ids of all sizes that the encodings tell apart, most of them as vocabularies have them. */
function randomToken(): number {
  const bits = [5, 8, 16, 17, 17, 17, 32][randomInt(7)];
  return randomInt(2 ** bits);
}

/** Which hash LMCache takes for a name: Python's own when vLLM is not there. */
function effective(setting: HashSetting, hash: LmcacheMpHash): LmcacheMpHash {
  return setting.vllm || hash === "blake3" ? hash : "builtin";
}

function isReproducible(
  setting: HashSetting,
  name: LmcacheMpHash,
  mode: HashCase["mode"],
): boolean {
  const { version, vllm, seed, pythonMinor } = setting;
  const hash = effective(setting, name);
  if (hash === "blake3") return true;
  const hashesNone = mode === "MP" || version === "0.3.15";
  if (hash === "builtin") {
    if (hashesNone && pythonMinor < 12) return false;
    return seed !== undefined || !vllm;
  }
  return seed !== undefined || hash.startsWith("sha256");
}

async function inProcessCase(
  setting: HashSetting,
  name: LmcacheHash,
  chunkSize: number,
  unfull: boolean,
  tokens: readonly number[],
): Promise<HashCase> {
  const hasher = await lmcacheHasher({
    chunkSize,
    unfull,
    release: releases[setting.version],
    pythonMinor: setting.pythonMinor,
    hash: effective(setting, name) as LmcacheHash,
    ...(setting.vllm && setting.seed !== undefined && { seed: setting.seed }),
  });
  const chain = hasher.chain(Uint32Array.from(tokens));
  const tags = chunkSize % 2 === 0;
  const facts = (index: number): KeyOf => ({
    family: "lmcache",
    ...ranks,
    hash: chain.hash(index),
    dtype: "bfloat16",
    ...(tags && {
      tags: [
        ["user", "bob"],
        ["level", "9"],
      ],
    }),
  });
  const expected: unknown[] = Array.from({ length: chain.length }, (_, index) => [
    chain.start(index),
    chain.end(index),
    buildKey(facts(index)),
  ]);
  if (chain.length > 0) expected.push([0, 0, buildKey({ ...facts(0), layer: 2 })]);
  const kept = unfull ? ", rest kept" : "";
  return {
    name: caseName("in process", name, setting, `${tokens.length} by ${chunkSize}${kept}`),
    mode: "in process",
    hash: name,
    chunkSize,
    unfull,
    tags,
    salt: "",
    tokens,
    expected,
  };
}

async function multiProcessCase(
  setting: HashSetting,
  name: LmcacheMpHash,
  chunkSize: number,
  tokens: readonly number[],
): Promise<HashCase> {
  const hasher = await lmcacheMpHasher({
    chunkSize,
    hash: effective(setting, name),
    pythonMinor: setting.pythonMinor,
    ...(setting.vllm && setting.seed !== undefined && { seed: setting.seed }),
  });
  const chain = hasher.chain(Uint32Array.from(tokens));
  const salt = chunkSize % 2 === 0 ? "tenant-1" : "";
  const group = setting.version === "0.4.5" ? {} : { group: 1 };
  const keyOf = (hash: string) =>
    buildKey({ family: "lmcache-mp", ...ranks, ...group, hash, ...(salt && { salt }) });
  const hashes = chain.hashes();
  const expected = setting.version === "0.3.15" ? hashes : hashes.map(keyOf);
  return {
    name: caseName("MP", name, setting, `${tokens.length} by ${chunkSize}`),
    mode: "MP",
    hash: name,
    chunkSize,
    unfull: false,
    tags: false,
    salt,
    tokens,
    expected,
  };
}

function caseName(
  mode: HashCase["mode"],
  hash: string,
  { seed }: HashSetting,
  shape: string,
): string {
  return `${mode}, ${hash}, ${seed === undefined ? "no seed" : `seed ${seed}`}: ${shape}`;
}
