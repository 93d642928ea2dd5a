import { KeepwarmError } from "../errors.ts";
import { buildDkvm, parseDkvm } from "./dkvm.ts";
import type { KeyFacts, KeyOf } from "./facts.ts";
import { buildHicache, parseHicache } from "./hicache.ts";
import { buildLmcache, parseLmcache } from "./lmcache.ts";
import { buildLmcacheMp, parseLmcacheMp } from "./lmcache-mp.ts";

export { keyFamilies, type KeyFacts } from "./facts.ts";

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

/**
 * The key that says `facts`: the inverse of {@link parseKey}.
 *
 * @throws KeepwarmError `INPUT_INVALID` when a key of that family cannot say them, such as a model
 *   with `@` in its name.
 */
export function buildKey(facts: KeyOf): string {
  const key = build(facts);
  const told = parseKey(key);
  const wrong = (Object.keys(facts) as (keyof KeyFacts)[]).find(
    (name) => facts[name] !== undefined && !same(facts[name], told[name]),
  );
  if (wrong === undefined) return key;
  throw new KeepwarmError(
    "INPUT_INVALID",
    `a key of the family ${facts.family} cannot have ${JSON.stringify(facts[wrong])} as ${wrong}`,
    { remedy: `Its key would be ${JSON.stringify(key)}, which says something else.` },
  );
}

function build(facts: KeyOf): string {
  switch (facts.family) {
    case "hicache":
      return buildHicache(facts);
    case "dkvm":
      return buildDkvm(facts);
    case "lmcache-mp":
      return buildLmcacheMp(facts);
    default:
      return buildLmcache(facts);
  }
}

function same(wanted: KeyFacts[keyof KeyFacts], told: KeyFacts[keyof KeyFacts]): boolean {
  return JSON.stringify(wanted) === JSON.stringify(told);
}
