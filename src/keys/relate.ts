import { buildKey, parseKey } from "./family.ts";
import type { KeyFacts, KeyOf } from "./facts.ts";

/** How two keys belong together. */
export type Relation = "same" | "parts" | "layers" | "ranks" | "chunk";

/**
 * How two keys belong together: `parts` of one block (LMCache's `kv_bytes` and `metadata`, the pools
 * of a HiCache page), `layers` of one chunk on one rank, `ranks` of one chunk, `chunk` for other values of the same tokens, or not
 * at all. Keys of different namespaces (model, dtype, tags, salt) never do.
 */
export function relate(first: string, second: string): Relation | undefined {
  if (first === second) return "same";
  const [a, b] = [parseKey(first), parseKey(second)];
  if (a.family === "unknown" || chunkOf(a) !== chunkOf(b)) return undefined;
  const differs = {
    rank: rankOf(a) !== rankOf(b),
    layer: a.layer !== b.layer,
    part: a.part !== b.part,
  };
  if (differs.part && !differs.rank && !differs.layer) return "parts";
  if (differs.layer && !differs.rank && !differs.part) return "layers";
  if (differs.rank && !differs.layer && !differs.part) return "ranks";
  return "chunk";
}

/** The other half of a value that LMCache keeps under two keys; nothing for other keys. */
export function otherHalf(key: string): string | undefined {
  const facts = parseKey(key);
  if (!isBuildable(facts) || facts.partForm === undefined) return undefined;
  return buildKey({ ...facts, part: facts.part === "metadata" ? "kv_bytes" : "metadata" });
}

/** The keys of a chunk's layers, as LMCache splits it; nothing for families without layers. */
export function layersOf(key: string, layers: number): string[] {
  const facts = parseKey(key);
  const layered = facts.family === "dkvm" || (isLmcache(facts) && facts.dtype !== undefined);
  if (!layered || !isBuildable(facts)) return [];
  return Array.from({ length: layers }, (_, layer) => buildKey({ ...facts, layer }));
}

/**
 * The keys of a chunk on all ranks, its own among them; nothing for keys that all ranks share. The
 * ranks of LMCache MP are taken to fill one machine after the other.
 */
export function ranksOf(key: string): string[] {
  const facts = parseKey(key);
  const { worldSize, localWorldSize } = facts;
  if (!isBuildable(facts) || worldSize === undefined) return [];
  return Array.from({ length: worldSize }, (_, rank) =>
    buildKey({
      ...facts,
      rank,
      ...(localWorldSize ? { localRank: rank % localWorldSize } : {}),
    }),
  );
}

const withinChunk: ReadonlySet<string> = new Set<keyof KeyFacts>([
  "part",
  "partForm",
  "layer",
  "rank",
  "localRank",
]);

/** What all values of one chunk have in common. */
function chunkOf(facts: KeyFacts): string {
  return JSON.stringify(Object.entries(facts).filter(([name]) => !withinChunk.has(name)));
}

function rankOf({ rank, localRank }: KeyFacts): string {
  return `${rank} ${localRank}`;
}

function isLmcache({ family }: KeyFacts): boolean {
  return family === "lmcache" || family === "native";
}

function isBuildable(facts: KeyFacts): facts is KeyOf {
  return facts.family !== "unknown";
}
