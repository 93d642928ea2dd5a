import { ValkeyNode } from "../node.ts";
import type { StoreSettings } from "../store-options.ts";
import { formatEndpoint, type Endpoint } from "../store-url.ts";
import type { RespAddress } from "../url.ts";
import { ClusterTopology } from "./cluster.ts";
import { SentinelTopology } from "./sentinel.ts";
import { SingleServer } from "./single.ts";
import type { Topology } from "./topology.ts";

/** How the servers that `settings` name are found. */
export function createTopology(settings: StoreSettings): Topology {
  const { url, tls, connectDeadlineMs, service, sentinelUsername, sentinelPassword } = settings;
  const nodeAddress = (endpoint: Endpoint): RespAddress => ({
    ...addressOf(settings, endpoint),
    username: settings.username,
    password: settings.password,
    database: settings.database,
  });
  const createNode = (endpoint: Endpoint, onOutage?: () => void): ValkeyNode =>
    new ValkeyNode(nodeAddress(endpoint), settings, onOutage);
  const common = { tls, connectDeadlineMs, createNode };
  if (url.arrangement === "single")
    return new SingleServer(createNode(url.endpoints[0] ?? { host: "localhost", port: 0 }));
  if (url.arrangement === "cluster")
    return new ClusterTopology({ ...common, seeds: url.endpoints, nodeAddress });
  return new SentinelTopology({
    ...common,
    sentinels: url.endpoints,
    service,
    sentinelAddress: (endpoint) => ({
      ...addressOf(settings, endpoint),
      username: sentinelUsername,
      password: sentinelPassword,
    }),
  });
}

function addressOf({ url }: StoreSettings, { host, port }: Endpoint): RespAddress {
  const scheme = url.tls ? "rediss" : "redis";
  return {
    host,
    port,
    path: url.path,
    tls: url.tls,
    username: undefined,
    password: undefined,
    database: 0,
    label: url.path === undefined ? `${scheme}://${formatEndpoint({ host, port })}` : url.label,
  };
}
