import type { RemoteStore } from "./remote.ts";

/**
 * Blocks of this machine that lie beside the tiers: asked, like a remote store, for what no tier has, but
 * filled by somebody else. The chain tells it which of its blocks have been outdated.
 */
export interface AsideStore extends RemoteStore {
  /** The key has another value now, or none: what is here of it must not be found any more. */
  forget(key: Uint8Array, keyspace: number): void;
  /** Drops everything, or all of one keyspace. */
  clear(keyspace?: number): void;
}
