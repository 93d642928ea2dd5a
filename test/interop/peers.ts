import { clients } from "./clients.ts";
import { lmcacheHashes } from "./lmcache-hashes.ts";
import { lmcacheLm } from "./lmcache-lm.ts";
import type { Peer } from "./peer.ts";

/** Every peer by the name that the command line knows it by. */
export const peers: Readonly<Record<string, Peer>> = {
  clients,
  "lmcache-hashes": lmcacheHashes,
  "lmcache-lm": lmcacheLm,
};
