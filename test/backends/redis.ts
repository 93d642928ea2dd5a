import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** Whether a redis-server is on the PATH. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;

export interface Redis {
  readonly port: number;
  stop(): Promise<void>;
}

/** A redis-server on a free loopback port, keeping everything in memory. */
export async function startRedis(...args: string[]): Promise<Redis> {
  const port = await freePort();
  const common = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
  ];
  const child = spawn("redis-server", [...common, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  for await (const text of child.stdout.iterator({ destroyOnReturn: false }))
    if (/ready to accept connections/i.test(String(text))) break;
  child.stdout.resume();
  return {
    port,
    stop: async () => {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    },
  };
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
