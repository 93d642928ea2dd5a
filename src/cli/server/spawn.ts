import { spawn } from "node:child_process";
import { once } from "node:events";
import { devNull } from "node:os";
import { extname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { KeepwarmError } from "../../errors.ts";

/** A server of our own, in a process of its own. */
export interface SpawnedServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts `keepwarm serve` on a free loopback port, without the user's file and environment.
 *
 * @param flags Further flags of serve.
 * @throws KeepwarmError `LISTEN_FAILED` when it ends before it is ready.
 */
export async function spawnServer(
  flags: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<SpawnedServer> {
  const main = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));
  const own = [
    "serve",
    "--json",
    "--quiet",
    "--config",
    devNull,
    "--resp-port",
    "0",
    "--log-level",
    "warn",
  ];
  // A group of its own: Ctrl-C shall reach it through us, after the work with it has ended.
  const child = spawn(process.execPath, [...process.execArgv, main, ...own, ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("KEEPWARM_"))),
    detached: true,
  });
  const exited = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const url = await readyUrl(child.stdout);
  if (url === undefined)
    throw new KeepwarmError("LISTEN_FAILED", "the server ended before it was ready", {
      remedy: "See its messages above.",
    });
  return {
    url,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
      process.off("exit", kill);
    },
  };
}

async function readyUrl(stdout: NodeJS.ReadableStream): Promise<string | undefined> {
  for await (const line of createInterface({ input: stdout })) {
    const event = JSON.parse(line) as { event?: string; resp?: string };
    if (event.event === "ready") return event.resp;
  }
  return undefined;
}
