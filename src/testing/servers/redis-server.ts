import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { findBinary } from "./binaries.ts";
import { freePort } from "./free-port.ts";
import { answersPing } from "./ping.ts";
import { ServerProcess } from "./process.ts";
import type { RunningServer } from "./running-server.ts";

/** A server's certificates, in PEM. */
export interface RedisServerTls {
  /** Vouches for the server and for clients. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Whether clients must show a certificate. Default true. */
  readonly clients?: boolean;
}

export interface RedisServerOptions {
  /** Which server. Default `"redis"`. */
  readonly engine?: "redis" | "valkey";
  /** Port on 127.0.0.1. Default a random free one. */
  readonly port?: number;
  /** Appended to the command line, such as `["--maxmemory", "64mb"]`. */
  readonly args?: readonly string[];
  /** Added to the environment, such as `{ MALLOC_CONF: "..." }`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Speaks TLS, and nothing else, on the port. */
  readonly tls?: RedisServerTls;
  /** Users as ACL rules, such as `"engine on >secret ~kw:* +@all"`. */
  readonly users?: readonly string[];
  /** A configuration file that the server may rewrite, as Sentinels do; its path comes first. */
  readonly config?: string;
  /** How long it may take to answer PING. Default 20 s. */
  readonly deadlineMs?: number;
}

const portAttempts = 5;

/**
 * Starts a real redis-server or valkey-server on loopback, without persistence, in a temporary
 * folder of its own, and waits until it answers PING.
 *
 * @throws KeepwarmError `NOT_FOUND` without a binary (see {@link findBinary}), `CONNECTION_FAILED`
 * or `TIMEOUT` with the end of its log when it does not start.
 *
 * @example
 * ```ts
 * await using server = await startRedisServer({ args: ["--maxmemory", "64mb"] });
 * const client = new Redis(server.url);
 * ```
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RunningServer> {
  for (let attempt = 1; ; attempt++) {
    const { server, error } = await tryStart(options);
    if (server) return server;
    const lostRace = options.port === undefined && /address already in use/i.test(String(error));
    if (!lostRace || attempt === portAttempts) throw error;
  }
}

async function tryStart(
  options: RedisServerOptions,
): Promise<{ server?: RunningServer; error?: unknown }> {
  const { engine = "redis", tls, deadlineMs } = options;
  const name = `${engine}-server` as const;
  const binary = await findBinary(name);
  const port = options.port ?? (await freePort());
  const folder = await mkdtemp(join(tmpdir(), "keepwarm-redis-"));
  const process = new ServerProcess(name, binary, {
    args: await commandLine(options, port, folder),
    ...(options.env && { env: options.env }),
  });
  const stop = async () => {
    const exit = await process.stop();
    await rm(folder, { recursive: true, force: true });
    return exit;
  };
  try {
    await process.until(() => answersPing(port, { tls }), deadlineMs);
  } catch (error) {
    await stop();
    return { error };
  }
  const server: RunningServer = {
    url: `${tls ? "rediss" : "redis"}://127.0.0.1:${port}`,
    host: "127.0.0.1",
    port,
    pid: process.pid,
    process,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
  return { server };
}

async function commandLine(
  { args = [], tls, users = [], config }: RedisServerOptions,
  port: number,
  folder: string,
): Promise<string[]> {
  const line = ["--bind", "127.0.0.1", "--dir", folder];
  if (config === undefined) line.push("--appendonly", "no", "--save", "");
  else {
    const file = join(folder, "server.conf");
    await writeFile(file, config);
    line.unshift(file);
  }
  if (tls === undefined) line.push("--port", String(port));
  else {
    line.push("--port", "0", "--tls-port", String(port), "--tls-replication", "yes");
    line.push("--tls-auth-clients", tls.clients === false ? "no" : "yes");
    for (const [option, pem] of [
      ["ca-cert", tls.ca],
      ["cert", tls.cert],
      ["key", tls.key],
    ] as const) {
      const file = join(folder, `${option}.pem`);
      await writeFile(file, pem);
      line.push(`--tls-${option}-file`, file);
    }
  }
  for (const user of users) line.push("--user", ...user.split(" "));
  return [...line, ...args];
}
