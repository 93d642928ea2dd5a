import { clients } from "./clients.ts";
import { lmcacheCheck } from "./lmcache-check.ts";
import { lmcacheRedis, lmcacheResp, lmcacheValkey } from "./lmcache-connectors.ts";
import { lmcacheHashes } from "./lmcache-hashes.ts";
import { lmcacheLm } from "./lmcache-lm.ts";
import { lmcacheMp } from "./lmcache-mp.ts";
import { lmcacheRestart } from "./lmcache-restart.ts";
import { lmcacheSharing } from "./lmcache-sharing.ts";
import { metricsList } from "./metrics-list.ts";
import type { Peer } from "./peer.ts";

/** Every peer by the name that the command line knows it by. */
export const peers: Readonly<Record<string, Peer>> = {
  clients,
  "lmcache-lm": lmcacheLm,
  "lmcache-redis": lmcacheRedis,
  "lmcache-resp": lmcacheResp,
  "lmcache-valkey": lmcacheValkey,
  "lmcache-sharing": lmcacheSharing,
  "lmcache-mp": lmcacheMp,
  "lmcache-check": lmcacheCheck,
  "lmcache-restart": lmcacheRestart,
  "lmcache-hashes": lmcacheHashes,
  "metrics-list": metricsList,
};

/** Peers by a name of one, or by a word that names several begin with: `lmcache` is all `lmcache-…`. */
export function peersNamed(name: string): readonly Peer[] {
  if (Object.hasOwn(peers, name)) return [peers[name]];
  return Object.entries(peers)
    .filter(([each]) => each.startsWith(`${name}-`))
    .map(([, peer]) => peer);
}
