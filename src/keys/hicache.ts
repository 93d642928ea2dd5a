import type { KeyFacts } from "./family.ts";

// hicache:{model}:{tp_rank}:{tp_size}:{page}[.{pool}]     one copy per rank
// hicache:{model}:{page}[.{pool}]                         MLA: ranks hold the same bytes
const form = /^hicache:(.+?)(?::(\d+):(\d+))?:([0-9a-f]{64})(?:\.(\w+))?$/;

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
