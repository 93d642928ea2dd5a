import { parseDkvm } from "./dkvm.ts";
import { parseHicache } from "./hicache.ts";
import { parseLmcache } from "./lmcache.ts";
import { parseLmcacheMp } from "./lmcache-mp.ts";

/** Key formats that Keepwarm understands. */
export const keyFamilies = [
  "lmcache",
  "lmcache-mp",
  "hicache",
  "dkvm",
  "native",
  "unknown",
] as const;

type KeyFamily = (typeof keyFamilies)[number];

/** What the name of a block says about it. Fields that a family does not have are absent. */
export interface KeyFacts {
  readonly family: KeyFamily;
  readonly model?: string;
  /** Number of parallel ranks that share the model. */
  readonly worldSize?: number;
  /** Rank that wrote the block. */
  readonly rank?: number;
  /** Hash of the tokens up to and including this block, as written in the key. */
  readonly hash?: string;
  /** Element type as LMCache spells it, such as `bfloat16` or `fp8_e4m3fn`. */
  readonly dtype?: string;
  /** Layer of a layerwise block. */
  readonly layer?: number;
  /** LMCache tags by name. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Which of several values of one block: `kv_bytes`, `metadata`, or a side pool's name. */
  readonly part?: string;
  /** First field of old LMCache keys, such as `vllm`. */
  readonly format?: string;
  /** Object group of LMCache MP. */
  readonly group?: number;
  /** Cache salt of LMCache MP. */
  readonly salt?: string;
  /** What an LMCache MP adapter's `key_prefix` put in front. */
  readonly prefix?: string;
  /** Session of DKVM. */
  readonly session?: string;
}

/**
 * What `key` says. Never fails: what no family claims is `{ family: "unknown" }`.
 *
 * @example
 * ```ts
 * parseKey("meta-llama/Llama-3.1-8B@1@0@44ea817d9387da2c@bfloat16");
 * // { family: "lmcache", model: "meta-llama/Llama-3.1-8B", worldSize: 1, rank: 0,
 * //   hash: "44ea817d9387da2c", dtype: "bfloat16" }
 * ```
 */
export function parseKey(key: string | Uint8Array): KeyFacts {
  const text = typeof key === "string" ? key : Buffer.from(key).toString("utf8");
  return (
    parseHicache(text) ??
    parseDkvm(text) ??
    parseLmcacheMp(text) ??
    parseLmcache(text) ?? { family: "unknown" }
  );
}
