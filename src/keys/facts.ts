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

/** The two values of one LMCache chunk. */
export type ValuePart = "kv_bytes" | "metadata";

/** What the name of a block says about it. Fields that a family does not have are absent. */
export interface KeyFacts {
  readonly family: KeyFamily;
  readonly model?: string;
  /** Number of parallel ranks that share the model. */
  readonly worldSize?: number;
  /** Rank that wrote the block. */
  readonly rank?: number;
  /** Ranks on the machine of this one; LMCache MP. */
  readonly localWorldSize?: number;
  /** Rank on its machine; LMCache MP. */
  readonly localRank?: number;
  /** Hash of the tokens up to and including this block, as written in the key. */
  readonly hash?: string;
  /** Element type as LMCache spells it, such as `bfloat16` or `fp8_e4m3fn`. */
  readonly dtype?: string;
  /** Layer of a layerwise block. */
  readonly layer?: number;
  /** LMCache tags in the order of the key. */
  readonly tags?: readonly (readonly [name: string, value: string])[];
  /** Which of several values of one block: `kv_bytes`, `metadata`, or a side pool's name. */
  readonly part?: string;
  /** How LMCache's part is written: `namekv_bytes`, `name:kv_bytes`, `{name}:kv_bytes`. */
  readonly partForm?: "joined" | "colon" | "braces";
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

type Needs<Family extends KeyFamily, Field extends keyof KeyFacts> = KeyFacts & {
  readonly family: Family;
} & Required<Pick<KeyFacts, Field>>;

interface NeedsOfFamily {
  lmcache: Needs<"lmcache", "model" | "worldSize" | "rank" | "hash">;
  native: Needs<"native", "model" | "worldSize" | "rank" | "hash">;
  "lmcache-mp": Needs<"lmcache-mp", "model" | "worldSize" | "rank" | "hash">;
  hicache: Needs<"hicache", "model" | "hash">;
  dkvm: Needs<"dkvm", "session" | "layer" | "hash">;
}

/** Facts that are enough to build a key of a family. */
export type KeyOf<Family extends keyof NeedsOfFamily = keyof NeedsOfFamily> = NeedsOfFamily[Family];
