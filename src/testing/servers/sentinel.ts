import type { ConnectOptions } from "../../backends/valkey/client.ts";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { replyText } from "../../wire/resp/reply.ts";
import { freePort } from "./free-port.ts";
import { pollUntil } from "./poll.ts";
import { startRedisServer, type RedisServerOptions, type RedisServerTls } from "./redis-server.ts";
import type { RunningServer } from "./running-server.ts";
import { withConnection } from "./with-connection.ts";

export interface SentinelsOptions {
  /** Which servers. Default `"redis"`. */
  readonly engine?: RedisServerOptions["engine"];
  /** What the Sentinels call the primary. Default `"redismaster"`. */
  readonly service?: string;
  /** Replicas of the primary. Default 1. */
  readonly replicas?: number;
  /** Milliseconds of silence after which the primary counts as down. Default 1000. */
  readonly downAfterMs?: number;
  /** Password of the servers that hold blocks. Default none. */
  readonly password?: string;
  /** Password of the Sentinels. Default none. */
  readonly sentinelPassword?: string;
  /** More users of the Sentinels as ACL rules, such as `"watcher on >secret &* +@all"`. */
  readonly sentinelUsers?: readonly string[];
  /** All of them speak TLS, and nothing else; they show each other the server's certificate. */
  readonly tls?: RedisServerTls;
}

/** A primary, its replicas and three Sentinels. `await using` or `stop()` ends them all. */
export interface RunningSentinels extends AsyncDisposable {
  /** `redis-sentinel://127.0.0.1:PORT,…/SERVICE`, or `rediss-sentinel`; without passwords. */
  readonly url: string;
  /** The one that was the primary at the beginning. */
  readonly primary: RunningServer;
  readonly replicas: readonly RunningServer[];
  readonly sentinels: readonly RunningServer[];
  /** The port of the primary that the Sentinels name now. */
  primaryPort(): Promise<number>;
  stop(): Promise<void>;
}

const sentinelCount = 3;

/**
 * Starts a primary with replicas and three Sentinels over them, and waits until all know each other.
 *
 * @throws KeepwarmError as {@link startRedisServer}, and `TIMEOUT`
 */
export async function startSentinels({
  engine = "redis",
  service = "redismaster",
  replicas: replicaCount = 1,
  downAfterMs = 1000,
  password,
  sentinelPassword,
  sentinelUsers = [],
  tls,
}: SentinelsOptions = {}): Promise<RunningSentinels> {
  const own = tls && { ca: tls.ca, cert: tls.cert, key: tls.key };
  const toServers: ConnectOptions = { tls: own, password };
  const toSentinels: ConnectOptions = { tls: own, password: sentinelPassword };
  const started: RunningServer[] = [];
  const stop = async () => {
    await Promise.all(started.toReversed().map((server) => server.stop()));
  };
  const start = async (options: RedisServerOptions): Promise<RunningServer> => {
    const server = await startRedisServer({ engine, ...(tls && { tls }), ...options });
    started.push(server);
    return server;
  };
  try {
    const secrets =
      password === undefined ? [] : ["--requirepass", password, "--masterauth", password];
    const args = ["--repl-diskless-sync-delay", "0", ...secrets];
    const primary = await start({ args });
    const replicas: RunningServer[] = [];
    for (let i = 0; i < replicaCount; i++)
      replicas.push(await start({ args: [...args, "--replicaof", `127.0.0.1 ${primary.port}`] }));
    const sentinels: RunningServer[] = [];
    for (let i = 0; i < sentinelCount; i++) {
      const port = await freePort();
      const config = [
        `sentinel monitor ${service} 127.0.0.1 ${primary.port} 2`,
        `sentinel down-after-milliseconds ${service} ${downAfterMs}`,
        `sentinel failover-timeout ${service} 5000`,
        `sentinel parallel-syncs ${service} 1`,
        ...(password === undefined ? [] : [`sentinel auth-pass ${service} ${password}`]),
        ...(sentinelPassword === undefined
          ? []
          : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
        ...sentinelUsers.map((rules) => `user ${rules}`),
        "",
      ];
      sentinels.push(await start({ port, config: config.join("\n"), args: ["--sentinel"] }));
    }
    for (const sentinel of sentinels)
      await pollUntil("a Sentinel knows the others", () =>
        knows(sentinel.url, service, replicaCount, toSentinels),
      );
    for (const replica of replicas)
      await pollUntil("a replica is up to date", () => isLinked(replica.url, toServers));
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`);
    return {
      url: `${tls ? "rediss" : "redis"}-sentinel://${hosts.join(",")}/${service}`,
      primary,
      replicas,
      sentinels,
      primaryPort: () => namedPort(sentinels, service, toSentinels),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Whether a replica has had its first copy of everything. */
export function isLinked(url: string, options: ConnectOptions = {}): Promise<boolean> {
  return withConnection(url, linkIsUp, options);
}

async function linkIsUp(connection: RespConnection): Promise<boolean> {
  const info = replyText(await connection.command(["INFO", "replication"]));
  return info?.includes("master_link_status:up") === true;
}

function knows(
  url: string,
  service: string,
  replicas: number,
  options: ConnectOptions,
): Promise<boolean> {
  const ask = async (connection: RespConnection): Promise<boolean> => {
    const reply = await connection.command(["SENTINEL", "MASTER", service]);
    const fields = Array.isArray(reply) ? reply.map((part) => replyText(part)) : [];
    const field = (name: string) => Number(fields[fields.indexOf(name) + 1]);
    return field("num-slaves") >= replicas && field("num-other-sentinels") >= sentinelCount - 1;
  };
  return withConnection(url, ask, options);
}

async function namedPort(
  sentinels: readonly RunningServer[],
  service: string,
  options: ConnectOptions,
): Promise<number> {
  const alive = sentinels.find(({ process }) => process.exit === undefined) ?? sentinels[0];
  const ask = async (connection: RespConnection): Promise<number> => {
    const reply = await connection.command(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", service]);
    return Number(Array.isArray(reply) ? replyText(reply[1]) : undefined);
  };
  return withConnection(alive.url, ask, options);
}
