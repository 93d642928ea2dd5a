import { isKeepwarmError } from "../../errors.ts";
import { lmcacheHashes, lmcacheMpHashes, lmcacheReleases } from "../../keys/hash/lmcache.ts";
import type { HashedFamily, KeysFlags } from "../keys/flags.ts";
import { hasherOf } from "../keys/hasher.ts";

/** Another way to hash the same tokens, as flags of `keepwarm keys`. */
export interface Alternative {
  readonly family: HashedFamily;
  /** What differs from what was asked for; an absent value means that the flag is left out. */
  readonly changed: Readonly<Partial<Record<keyof KeysFlags, string | undefined>>>;
  /** Hash of the chunk that covers the token in question. */
  readonly hash: string;
}

const chunkSizes = ["16", "32", "64", "128", "256", "512", "1024", "2048"];
const pageSizes = ["1", "16", "32", "64", "128", "256"];
const usualSeeds = [undefined, "0", "1", "42"];
/** Further into a prompt, trying everything would take too long. */
const MOST_TOKENS = 131_072;

type Change = Alternative["changed"];

/**
 * The hashes that the chunk with token `at` would have under other algorithms, seeds, releases and
 * chunk sizes; those that differ least come first, and each hash once.
 *
 * @param seeds more values of PYTHONHASHSEED to try
 */
export async function alternativesOf(
  family: HashedFamily,
  flags: KeysFlags,
  tokens: Uint32Array,
  at: number,
  seeds: readonly string[],
): Promise<Alternative[]> {
  if (at > MOST_TOKENS) return [];
  const found = new Map<string, Alternative>();
  const candidates = [...candidatesOf(family, flags, [...usualSeeds, ...seeds])];
  candidates.sort((a, b) => distance(a, family) - distance(b, family));
  for (const { family: other, changed } of candidates) {
    const changedFlags = { ...flags, ...changed, family: other } as KeysFlags;
    const hash = await hashAt(other, changedFlags, tokens, at);
    if (hash !== undefined && !found.has(hash)) found.set(hash, { family: other, changed, hash });
  }
  return [...found.values()];
}

interface Candidate {
  readonly family: HashedFamily;
  readonly changed: Change;
}

function* candidatesOf(
  family: HashedFamily,
  flags: KeysFlags,
  seeds: readonly (string | undefined)[],
): Generator<Candidate> {
  if (family === "lmcache" || family === "lmcache-mp")
    for (const other of ["lmcache", "lmcache-mp"] as const) yield* ofLmcache(other, flags, seeds);
  else if (family === "hicache")
    for (const pageSize of withAsked(pageSizes, flags.pageSize))
      for (const space of namespaces(flags))
        yield { family, changed: differing(flags, { pageSize, ...space }) };
  else
    for (const chunkSize of withAsked(chunkSizes, flags.chunkSize))
      for (const space of namespaces(flags))
        yield { family, changed: differing(flags, { chunkSize, ...space }) };
}

function* ofLmcache(
  family: "lmcache" | "lmcache-mp",
  flags: KeysFlags,
  seeds: readonly (string | undefined)[],
): Generator<Candidate> {
  const isMp = family === "lmcache-mp";
  for (const chunkSize of withAsked(chunkSizes, flags.chunkSize))
    for (const hash of isMp ? lmcacheMpHashes : lmcacheHashes)
      for (const seed of hash === "blake3" ? [undefined] : seeds)
        for (const release of isMp ? [undefined] : lmcacheReleases)
          for (const python of hash === "builtin" && seed !== undefined
            ? ["3.12", "3.10"]
            : ["3.12"])
            yield {
              family,
              changed: differing(flags, { chunkSize, hash, seed, release, python }, family),
            };
}

function withAsked(usual: readonly string[], asked: string | undefined): Set<string> {
  return new Set(asked === undefined ? usual : [asked, ...usual]);
}

/** With and without what may keep prompts apart. */
function namespaces({ extraKey, cacheSalt }: KeysFlags): Change[] {
  const without: Change[] = [{}];
  if (extraKey !== undefined) without.push({ extraKey: undefined });
  if (cacheSalt !== undefined) without.push({ cacheSalt: undefined });
  return without;
}

/** What of `wanted` is not so already, defaults considered. */
function differing(flags: KeysFlags, wanted: Change, family?: HashedFamily): Change {
  const defaults: Record<string, string | undefined> = {
    chunkSize: "256",
    hash: family === "lmcache-mp" ? "blake3" : "builtin",
    release: family === "lmcache-mp" ? undefined : "0.4.6",
    python: "3.12",
  };
  const now = (name: string): unknown => flags[name as keyof KeysFlags] ?? defaults[name];
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => now(name) !== value));
}

function distance({ family, changed }: Candidate, asked: HashedFamily): number {
  return Object.keys(changed).length + (family === asked ? 0 : 2);
}

async function hashAt(
  family: HashedFamily,
  flags: KeysFlags,
  tokens: Uint32Array,
  at: number,
): Promise<string | undefined> {
  try {
    const { hasher } = await hasherOf(family, flags);
    const end = (Math.floor(at / hasher.chunkSize) + 1) * hasher.chunkSize;
    const chain = hasher.chain(tokens.subarray(0, end + (flags.bigram ? 1 : 0)));
    const last = chain.length - 1;
    return last < 0 || chain.end(last) <= at ? undefined : chain.hash(last);
  } catch (error) {
    // A chain that begins at random cannot be made again.
    if (isKeepwarmError(error, "INPUT_INVALID")) return undefined;
    throw error;
  }
}
