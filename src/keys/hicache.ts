import type { KeyFacts, KeyOf } from "./facts.ts";

// hicache:{model}:{tp_rank}:{tp_size}:{page}[.{pool}]     one copy per rank
// hicache:{model}:{page}[.{pool}]                         MLA: ranks hold the same bytes
const number = "(0|[1-9]\\d{0,6})";
const form = new RegExp(`^hicache:(.+?)(?::${number}:${number})?:([0-9a-f]{64})(?:\\.(\\w+))?$`);

/** Page keys that SGLang's HiCache writes to a Redis-like store. */
export function parseHicache(key: string): KeyFacts | undefined {
  const match = form.exec(key);
  if (!match) return undefined;
  const [, model, rank, worldSize, hash, part] = match;
  return {
    family: "hicache",
    model,
    ...(rank === undefined ? {} : { worldSize: Number(worldSize), rank: Number(rank) }),
    hash,
    ...(part === undefined ? {} : { part }),
  };
}

/** The key of which {@link parseHicache} tells `facts`; without ranks, as for MLA. */
export function buildHicache({ model, worldSize, rank, hash, part }: KeyOf<"hicache">): string {
  const ranks = rank === undefined ? "" : `:${rank}:${worldSize ?? 1}`;
  return `hicache:${model}${ranks}:${hash}${part === undefined ? "" : `.${part}`}`;
}
