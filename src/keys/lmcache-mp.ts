import type { KeyFacts, KeyOf } from "./facts.ts";
import { present } from "./text.ts";

// [{key_prefix}@]{model}@{kv_rank:08x}@{hash}                              first generation
// [{key_prefix}@]{model}@{kv_rank:08x}@{hash}@{cache_salt}                 second
// [{key_prefix}@]{model}@{kv_rank:08x}@{group:x}@{hash}[@{cache_salt}]     newest
//
// kv_rank = world_size << 24 | global_rank << 16 | local_world_size << 8 | local_rank

const kvRank = /^[0-9a-f]{8}$/;
const digest = /^(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{64})$/;
const group = /^(?:0|[1-9a-f][0-9a-f]{0,7})$/;

/** Keys of LMCache's multi-process mode (`resp`, `valkey` and other L2 adapters). */
export function parseLmcacheMp(key: string): KeyFacts | undefined {
  const fields = key.split("@");
  for (let at = 1; at < fields.length - 1; at++) {
    if (!kvRank.test(fields[at]) || fields[at - 1] === "") continue;
    const rest = hashAndSalt(fields.slice(at + 1));
    if (!rest) continue;
    const ranks = Number.parseInt(fields[at], 16);
    return {
      family: "lmcache-mp",
      ...(at === 1 ? {} : { prefix: fields.slice(0, at - 1).join("@") }),
      model: fields[at - 1],
      worldSize: ranks >>> 24,
      rank: (ranks >>> 16) & 0xff,
      localWorldSize: (ranks >>> 8) & 0xff,
      localRank: ranks & 0xff,
      ...rest,
    };
  }
  return undefined;
}

/**
 * The key of which {@link parseLmcacheMp} tells `facts`. Without local ranks all ranks are on one
 * machine; without a group it is of the older generations.
 */
export function buildLmcacheMp(facts: KeyOf<"lmcache-mp">): string {
  const { prefix, model, worldSize, rank, hash, salt } = facts;
  const { localWorldSize = worldSize, localRank = rank } = facts;
  const ranks = [worldSize, rank, localWorldSize, localRank];
  return [
    ...present(prefix),
    model,
    ranks.map((part) => part.toString(16).padStart(2, "0")).join(""),
    ...present(facts.group?.toString(16)),
    hash,
    ...present(salt),
  ].join("@");
}

function hashAndSalt(
  fields: readonly string[],
): Pick<KeyFacts, "group" | "hash" | "salt"> | undefined {
  const [first, second] = fields;
  const newest = group.test(first) && second !== undefined && digest.test(second);
  const hash = newest ? second : first;
  if (!digest.test(hash)) return undefined;
  const salt = fields.slice(newest ? 2 : 1);
  return {
    ...(newest ? { group: Number.parseInt(first, 16) } : {}),
    hash,
    ...(salt.length === 0 ? {} : { salt: salt.join("@") }),
  };
}
