import type { BlockStore, CallOptions, Key } from "../store/contract.ts";
import { keyBytes } from "../store/key-bytes.ts";
import { TieredStore } from "../store/tiered-store.ts";
import { CodecStore } from "../store/wrappers/codec-store.ts";
import { ChainStore } from "../tiers/chain/chain-store.ts";

/**
 * Which tier of `store` has each key of a chain, from the first on until one is missing: the nearest, by its
 * name.
 */
export async function locate(
  store: BlockStore,
  keys: readonly Key[],
  options: CallOptions,
): Promise<string[]> {
  if (store instanceof CodecStore) return locate(store.inner, keys, options);
  if (store instanceof TieredStore) return locateInTiers(store, keys, options);
  const tiers = store instanceof ChainStore ? keys.map((key) => tierIn(store, key, options)) : [];
  const matched = await store.match(keys, options);
  return Array.from({ length: matched }, (_, index) => tiers[index] ?? store.name);
}

/** Whether values come nearer by being read. */
export function hasTiers(store: BlockStore): boolean {
  if (store instanceof CodecStore) return hasTiers(store.inner);
  return store instanceof ChainStore || store instanceof TieredStore;
}

/** Keeps a key from leaving the store for want of room, or lets it; whether the store can. */
export function setPinned(
  store: BlockStore,
  key: Key,
  { keyspace = 0 }: CallOptions,
  pinned: boolean,
): boolean {
  if (store instanceof CodecStore) return setPinned(store.inner, key, { keyspace }, pinned);
  if (store instanceof TieredStore)
    return store.tiers.map((tier) => setPinned(tier, key, { keyspace }, pinned)).some(Boolean);
  if (!(store instanceof ChainStore)) return false;
  const bytes = keyBytes(key);
  const place = store.tiers.find(bytes, 0, bytes.length, keyspace);
  if (place !== 0) store.tiers.setPinned(place, pinned);
  return place !== 0;
}

/** Calls that the store's servers failed to answer, all its tiers together. */
export function failuresOf(store: BlockStore): number {
  if (store instanceof CodecStore) return failuresOf(store.inner);
  if (store instanceof TieredStore)
    return store.tiers.reduce((sum, tier) => sum + failuresOf(tier), 0);
  const stats: object = store.stats();
  return ["failedReads", "failedWrites", "failedLookups"].reduce((sum, name) => {
    const count: unknown = Reflect.get(stats, name);
    return sum + (typeof count === "number" ? count : 0);
  }, 0);
}

async function locateInTiers(
  store: TieredStore,
  keys: readonly Key[],
  options: CallOptions,
): Promise<string[]> {
  const found: string[] = [];
  // A chain may lie by turns in one tier and another: go on until none knows the next key.
  for (let before = -1; before < found.length && found.length < keys.length;) {
    before = found.length;
    for (const tier of store.tiers)
      if (found.length < keys.length)
        found.push(...(await locate(tier, keys.slice(found.length), options)));
  }
  return found;
}

function tierIn(store: ChainStore, key: Key, { keyspace = 0 }: CallOptions): string | undefined {
  const bytes = keyBytes(key);
  const place = store.tiers.find(bytes, 0, bytes.length, keyspace);
  return place === 0 ? undefined : store.tiers.tierOf(place);
}
