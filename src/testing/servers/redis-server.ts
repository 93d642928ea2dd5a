import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { findBinary } from "./binaries.ts";
import { freePort } from "./free-port.ts";
import { answersPing } from "./ping.ts";
import { ServerProcess } from "./process.ts";
import type { RunningServer } from "./running-server.ts";

export interface RedisServerOptions {
  /** Which server. Default `"redis"`. */
  readonly engine?: "redis" | "valkey";
  /** Port on 127.0.0.1. Default a random free one. */
  readonly port?: number;
  /** Appended to the command line, such as `["--maxmemory", "64mb"]`. */
  readonly args?: readonly string[];
  /** Added to the environment, such as `{ MALLOC_CONF: "..." }`. */
  readonly env?: NodeJS.ProcessEnv;
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

async function tryStart({
  engine = "redis",
  port: wanted,
  args = [],
  env = {},
  deadlineMs,
}: RedisServerOptions): Promise<{ server?: RunningServer; error?: unknown }> {
  const name = `${engine}-server` as const;
  const binary = await findBinary(name);
  const port = wanted ?? (await freePort());
  const folder = await mkdtemp(join(tmpdir(), "keepwarm-redis-"));
  const basics = `--port ${port} --bind 127.0.0.1 --appendonly no --dir`.split(" ");
  const process = new ServerProcess(name, binary, {
    args: [...basics, folder, "--save", "", ...args],
    env,
  });
  const stop = async () => {
    const exit = await process.stop();
    await rm(folder, { recursive: true, force: true });
    return exit;
  };
  try {
    await process.until(() => answersPing(port), deadlineMs);
  } catch (error) {
    await stop();
    return { error };
  }
  const server: RunningServer = {
    url: `redis://127.0.0.1:${port}`,
    host: "127.0.0.1",
    port,
    pid: process.pid,
    process,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
  return { server };
}
