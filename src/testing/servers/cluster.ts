import { replyText } from "../../wire/resp/reply.ts";
import { freePort } from "./free-port.ts";
import { pollUntil } from "./poll.ts";
import { startRedisServer, type RedisServerOptions } from "./redis-server.ts";
import type { RunningServer } from "./running-server.ts";
import { isLinked } from "./sentinel.ts";
import { withConnection } from "./with-connection.ts";

export interface ClusterOptions {
  /** Which servers. Default `"redis"`. */
  readonly engine?: RedisServerOptions["engine"];
  /** Nodes that hold slots. Default 3. */
  readonly primaries?: number;
  /** Whether each of them has a replica. Default true. */
  readonly replicated?: boolean;
  /** Milliseconds of silence after which a node counts as failed. Default 1000. */
  readonly nodeTimeoutMs?: number;
}

/** A cluster. `await using` or `stop()` ends all of its nodes. */
export interface RunningCluster extends AsyncDisposable {
  /** `redis-cluster://127.0.0.1:PORT,…` */
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
}: ClusterOptions = {}): Promise<RunningCluster> {
  const started: RunningServer[] = [];
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    for (let i = 0; i < primaryCount * (replicated ? 2 : 1); i++)
      started.push(await startNode(engine, nodeTimeoutMs));
    const primaries = started.slice(0, primaryCount);
    const replicas = started.slice(primaryCount);
    for (const [index, server] of started.entries())
      await tell(server, ["CLUSTER", "SET-CONFIG-EPOCH", String(index + 1)]);
    for (const [index, server] of primaries.entries()) {
      const from = Math.ceil((slots * index) / primaryCount);
      const to = Math.ceil((slots * (index + 1)) / primaryCount) - 1;
      await tell(server, ["CLUSTER", "ADDSLOTSRANGE", String(from), String(to)]);
    }
    for (const server of started.slice(1)) await meet(started[0], server);
    for (const server of started)
      await pollUntil("the nodes know each other", () => hasNodes(server, started.length));
    for (const [index, replica] of replicas.entries())
      await pollUntil("a replica joins its primary", async () => {
        await tell(replica, ["CLUSTER", "REPLICATE", await idOf(primaries[index])]);
        return true;
      });
    for (const replica of replicas)
      await pollUntil("a replica is up to date", () => isLinked(replica.url));
    for (const server of started)
      await pollUntil("the cluster is up", () => isUp(server, primaryCount));
    return {
      url: `redis-cluster://${primaries.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
      primaries,
      replicas,
      slotsOf,
      migrate: (slot, from, to, between) => migrate(slot, from, to, primaries, between),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startNode(
  engine: RedisServerOptions["engine"],
  nodeTimeoutMs: number,
): Promise<RunningServer> {
  const settings: Readonly<Record<string, string>> = {
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-node-timeout": String(nodeTimeoutMs),
    "cluster-require-full-coverage": "no",
    "cluster-port": String(await freePort()),
    "repl-diskless-sync-delay": "0",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return startRedisServer({ engine: engine ?? "redis", args });
}

/** The bus has a port of its own, so both are named. */
async function meet(one: RunningServer, other: RunningServer): Promise<void> {
  const bus = await withConnection(other.url, async (connection) => {
    const reply = await connection.command(["CONFIG", "GET", "cluster-port"]);
    return Array.isArray(reply) ? (replyText(reply[1]) ?? "") : "";
  });
  await tell(one, ["CLUSTER", "MEET", other.host, String(other.port), bus]);
}

function tell(server: RunningServer, args: readonly string[]): Promise<unknown> {
  return withConnection(server.url, (connection) => connection.command(args));
}

function idOf(server: RunningServer): Promise<string> {
  return withConnection(
    server.url,
    async (connection) => replyText(await connection.command(["CLUSTER", "MYID"])) ?? "",
  );
}

async function hasNodes(server: RunningServer, count: number): Promise<boolean> {
  return withConnection(server.url, async (connection) => {
    const nodes = replyText(await connection.command(["CLUSTER", "NODES"])) ?? "";
    const lines = nodes.trim().split("\n");
    return lines.length === count && lines.every((line) => !/handshake|fail/.test(line));
  });
}

async function isUp(server: RunningServer, primaries: number): Promise<boolean> {
  return withConnection(server.url, async (connection) => {
    const info = replyText(await connection.command(["CLUSTER", "INFO"])) ?? "";
    const ok = info.includes("cluster_state:ok") && info.includes(`cluster_size:${primaries}`);
    return ok && info.includes(`cluster_slots_assigned:${slots}`);
  });
}

async function slotsOf({ url, port }: RunningServer): Promise<ReadonlySet<number>> {
  const rows = await withConnection(url, (connection) => connection.command(["CLUSTER", "SLOTS"]));
  const held = new Set<number>();
  for (const [from, to, [, holder]] of rows as [number, number, [Buffer, number]][])
    for (let slot = from; slot <= to && holder === port; slot++) held.add(slot);
  return held;
}

async function migrate(
  slot: number,
  from: RunningServer,
  to: RunningServer,
  primaries: readonly RunningServer[],
  between: () => Promise<unknown> = async () => {},
): Promise<void> {
  const [source, target] = [await idOf(from), await idOf(to)];
  await tell(to, ["CLUSTER", "SETSLOT", String(slot), "IMPORTING", source]);
  await tell(from, ["CLUSTER", "SETSLOT", String(slot), "MIGRATING", target]);
  await withConnection(from.url, async (connection) => {
    for (let step = 0; ; step++) {
      const args = ["CLUSTER", "GETKEYSINSLOT", String(slot), "10"];
      const names = (await connection.command(args)) as Buffer[];
      if (step === 1 || names.length === 0) await between();
      if (names.length === 0) return;
      const [first, ...others] = names;
      const moved = step === 0 ? [first] : [first, ...others];
      const command = ["MIGRATE", to.host, String(to.port), "", "0", "5000", "KEYS"];
      await connection.command([...command, ...moved]);
    }
  });
  for (const server of [to, from, ...primaries.filter((each) => each !== to && each !== from)])
    await tell(server, ["CLUSTER", "SETSLOT", String(slot), "NODE", target]);
}
