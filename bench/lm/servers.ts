import net from "node:net";
import { freePort } from "../../src/testing/servers/free-port.ts";
import { ServerProcess } from "../../src/testing/servers/process.ts";
import { startKeepwarm } from "../support/keepwarm.ts";
import type { RunningServer } from "../support/running-server.ts";

/** The peer's name in tables and results. */
export const lmcacheServer = "lmcache_server";

export function startKeepwarmLm(node: string | undefined): Promise<RunningServer> {
  return startKeepwarm({ node, listener: "lm", flags: ["--lm-port", "0", "--ram-size", "2GiB"] });
}

/** LMCache's own server, unmodified. */
export async function startLmcacheServer(interpreter: string): Promise<RunningServer> {
  const port = await freePort();
  const server = new ServerProcess(
    lmcacheServer,
    { path: interpreter, env: process.env },
    { args: ["-m", "lmcache.v1.server", "127.0.0.1", String(port), "cpu"] },
  );
  try {
    await server.until(() => accepts(port), 60_000);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { port, pid: server.pid, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function accepts(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(undefined));
  });
}
