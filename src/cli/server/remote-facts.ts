import type { NodeStats } from "../../backends/valkey/node.ts";
import type { RemoteStats } from "../../fronts/resp/stats.ts";
import { formatBytes, formatCount, formatRatio } from "../../util/units.ts";
import { plural } from "../render/plural.ts";
import type { Paint } from "../render/style.ts";

import type { CodingStats } from "../../store/wrappers/block-coding.ts";
import { codingFacts } from "./coding-facts.ts";

type Fact = [name: string, value: string | undefined];

type Server = Pick<NodeStats, "url" | "breaker" | "connections" | "lastError">;

/** What a store tells of its servers: `valkey` of several, `lm` of its one. */
interface StoreServers {
  readonly servers?: readonly Server[];
  readonly server?: Server;
}

/** A store on another machine for people: names and values. */
export function remoteFacts(remote: RemoteStats, paint: Paint): Fact[] {
  const { hits, misses, dropped, failedWrites } = remote;
  const servers = serversOf(remote);
  return [
    ["remote", remote.name],
    ["hits", `${formatRatio(hits, hits + misses)} of ${formatCount(hits + misses)}`],
    ["served", formatBytes(remote.hitBytes)],
    ["written", plural(remote.written, "block")],
    ["dropped", dropped === 0 ? undefined : paint("red", plural(dropped, "block"))],
    ["failed", failedWrites === 0 ? undefined : paint("red", plural(failedWrites, "block"))],
    ["queue", `${formatBytes(remote.queuedBytes)} in ${plural(remote.queuedItems, "write")}`],
    ...codingFacts(remote.store as Partial<CodingStats>, paint),
    ["nodes", servers.length === 0 ? paint("red", "none known yet") : undefined],
    ...servers.map((server): Fact => ["node", nodeText(server, paint)]),
  ];
}

/** The servers of a store on another machine, as far as they are known. */
export function serversOf({ store }: RemoteStats): readonly Server[] {
  const { servers, server } = store as StoreServers;
  return servers ?? (server === undefined ? [] : [server]);
}

function nodeText({ url, breaker, connections, lastError }: Server, paint: Paint): string {
  if (breaker === "open")
    return `${url} ${paint("red", "does not answer")}: ${lastError ?? "no reason known"}`;
  return `${url}, ${plural(connections, "connection")}`;
}
