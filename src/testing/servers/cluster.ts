import { ClusterAdmin } from "./cluster-admin.ts";
import { freePort } from "./free-port.ts";
import { pollUntil } from "./poll.ts";
import { startRedisServer, type RedisServerOptions, type RedisServerTls } from "./redis-server.ts";
import type { RunningServer } from "./running-server.ts";
import { isLinked } from "./sentinel.ts";

export interface ClusterOptions {
  /** Which servers. Default `"redis"`. */
  readonly engine?: RedisServerOptions["engine"];
  /** Nodes that hold slots. Default 3. */
  readonly primaries?: number;
  /** Whether each of them has a replica. Default true. */
  readonly replicated?: boolean;
  /** Milliseconds of silence after which a node counts as failed. Default 1000. */
  readonly nodeTimeoutMs?: number;
  /** Password of all nodes. Default none. */
  readonly password?: string | undefined;
  /** All nodes speak TLS, and nothing else. */
  readonly tls?: RedisServerTls | undefined;
}

/** A cluster. `await using` or `stop()` ends all of its nodes. */
export interface RunningCluster extends AsyncDisposable {
  /** `redis-cluster://127.0.0.1:PORT,…`, or `rediss-cluster`; without password. */
  readonly url: string;
  readonly primaries: readonly RunningServer[];
  /** The replica at an index belongs to the primary there. */
  readonly replicas: readonly RunningServer[];
  /** The slots that a primary holds now. */
  slotsOf(primary: RunningServer): Promise<ReadonlySet<number>>;
  /** Moves a slot with its keys from one primary to another; `between` runs while it is half done. */
  migrate(
    slot: number,
    from: RunningServer,
    to: RunningServer,
    between?: () => Promise<unknown>,
  ): Promise<void>;
  stop(): Promise<void>;
}

const slots = 16_384;

/**
 * Starts a cluster of primaries that share the slots evenly, each with a replica, and waits until
 * all of them agree and every replica has its first copy: before that it cannot be promoted.
 *
 * @throws KeepwarmError as {@link startRedisServer}, and `TIMEOUT`
 */
export async function startCluster({
  engine = "redis",
  primaries: primaryCount = 3,
  replicated = true,
  nodeTimeoutMs = 1000,
  password,
  tls,
}: ClusterOptions = {}): Promise<RunningCluster> {
  const connect = { password, tls: tls && { ca: tls.ca, cert: tls.cert, key: tls.key } };
  const admin = new ClusterAdmin(connect);
  const started: RunningServer[] = [];
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    for (let i = 0; i < primaryCount * (replicated ? 2 : 1); i++)
      started.push(await startNode({ engine, nodeTimeoutMs, password, tls }));
    const primaries = started.slice(0, primaryCount);
    const replicas = started.slice(primaryCount);
    for (const [index, server] of started.entries())
      await admin.tell(server, ["CLUSTER", "SET-CONFIG-EPOCH", String(index + 1)]);
    for (const [index, server] of primaries.entries()) {
      const from = Math.ceil((slots * index) / primaryCount);
      const to = Math.ceil((slots * (index + 1)) / primaryCount) - 1;
      await admin.tell(server, ["CLUSTER", "ADDSLOTSRANGE", String(from), String(to)]);
    }
    for (const server of started.slice(1)) await admin.meet(started[0], server);
    for (const server of started)
      await pollUntil("the nodes know each other", () => admin.hasNodes(server, started.length));
    for (const [index, replica] of replicas.entries())
      await pollUntil("a replica joins its primary", async () => {
        await admin.tell(replica, ["CLUSTER", "REPLICATE", await admin.idOf(primaries[index])]);
        return true;
      });
    for (const replica of replicas)
      await pollUntil("a replica is up to date", () => isLinked(replica.url, connect));
    for (const server of started)
      await pollUntil("the cluster is up", () => admin.isUp(server, primaryCount));
    return {
      url: `${tls ? "rediss" : "redis"}-cluster://${primaries.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
      primaries,
      replicas,
      slotsOf: (primary) => admin.slotsOf(primary),
      migrate: (slot, from, to, between) => admin.migrate(slot, from, to, primaries, between),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startNode({
  engine = "redis",
  nodeTimeoutMs,
  password,
  tls,
}: ClusterOptions): Promise<RunningServer> {
  const settings: Readonly<Record<string, string>> = {
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-node-timeout": String(nodeTimeoutMs),
    "cluster-require-full-coverage": "no",
    "cluster-port": String(await freePort()),
    "repl-diskless-sync-delay": "0",
    ...(tls && { "tls-cluster": "yes" }),
    ...(password !== undefined && { requirepass: password, masterauth: password }),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return startRedisServer({ engine, args, ...(tls && { tls }) });
}
