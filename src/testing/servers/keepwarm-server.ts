import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { KeepwarmError } from "../../errors.ts";
import { ServerProcess } from "./process.ts";
import type { RunningServer } from "./running-server.ts";

export interface KeepwarmServerOptions {
  /** Flags of `keepwarm serve`, such as `["--ram-size", "64MiB"]`. */
  readonly args?: readonly string[];
  /** Added to the environment. `KEEPWARM_*` of this process are not passed on. */
  readonly env?: NodeJS.ProcessEnv;
  /** Working folder. Default that of this process. */
  readonly cwd?: string;
  /** How long it may take to be ready. Default 20 s. */
  readonly deadlineMs?: number;
}

/** What `keepwarm serve --json` says when it listens; listeners that are off have no URL. */
export interface KeepwarmReady {
  readonly event: "ready";
  readonly resp: string;
  readonly [more: string]: unknown;
}

export interface RunningKeepwarm extends RunningServer {
  readonly ready: KeepwarmReady;
}

/**
 * Starts this package's own built `keepwarm serve` on a random free loopback port.
 *
 * @throws KeepwarmError `NOT_FOUND` when it is not built, `CONNECTION_FAILED` or `TIMEOUT` with the
 * end of its log when it does not start.
 *
 * @example
 * ```ts
 * await using server = await startKeepwarm({ args: ["--ram-size", "64MiB"] });
 * ```
 */
export async function startKeepwarm(options: KeepwarmServerOptions = {}): Promise<RunningKeepwarm> {
  const { args = [], env = {}, cwd, deadlineMs } = options;
  let ready: KeepwarmReady | undefined;
  const process = new ServerProcess(
    "keepwarm serve",
    { path: globalThis.process.execPath, env: withoutOwnSettings(globalThis.process.env) },
    {
      args: [builtMain(), "serve", "--json", "--resp-port", "0", ...args],
      env,
      ...(cwd !== undefined && { cwd }),
      onLine: (line) => (ready ??= parseReady(line)),
    },
  );
  try {
    await process.until(async () => ready, deadlineMs);
  } catch (error) {
    await process.stop();
    throw error;
  }
  const url = new URL(ready!.resp);
  return {
    ready: ready!,
    url: ready!.resp,
    host: url.hostname,
    port: Number(url.port),
    pid: process.pid,
    process,
    stop: () => process.stop(),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** dist/cli/main.js, seen from this file in src/ or in dist/. */
function builtMain(): string {
  const fromSource = import.meta.url.endsWith(".ts");
  const relative = fromSource ? "../../../dist/cli/main.js" : "../../cli/main.js";
  const path = fileURLToPath(new URL(relative, import.meta.url));
  if (existsSync(path)) return path;
  throw new KeepwarmError("NOT_FOUND", "Keepwarm is not built: dist/cli/main.js is missing", {
    remedy: "Run npm run build.",
  });
}

function withoutOwnSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("KEEPWARM_")));
}

function parseReady(line: string): KeepwarmReady | undefined {
  try {
    const message: unknown = JSON.parse(line);
    const isReady =
      typeof message === "object" &&
      message !== null &&
      "event" in message &&
      message.event === "ready";
    return isReady ? (message as KeepwarmReady) : undefined;
  } catch {
    return undefined;
  }
}
