import net from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { type RunningServer, startServer } from "../../src/config/server.ts";
import { command } from "../../src/wire/lm/header.ts";
import { golden, packPut, packReply, packRequest } from "../support/lm.ts";
import { RawClient } from "../support/raw-client.ts";

const KEY = "m@1@0@44ea817d9387da2c@bfloat16";

async function start(lm: { port?: number | "off"; host?: string } = {}): Promise<RunningServer> {
  const server = await startServer(parseConfig({ resp: { port: 0 }, ram: { size: "16MiB" }, lm }));
  onTestFinished(() => server.close());
  return server;
}

async function connect(url: string | undefined): Promise<RawClient> {
  const client = await RawClient.connect(Number(new URL(url!).port));
  onTestFinished(() => client.close());
  return client;
}

test("there is no lm listener unless it is asked for", async () => {
  const { listeners } = await start();
  expect(listeners.lm).toBeUndefined();
  const stats = await (await connect(listeners.resp)).ask("KW.STATS");
  expect(JSON.parse(stats as string)).not.toHaveProperty("lm");
});

test("both listeners serve the same blocks, and report on each other", async () => {
  const { listeners } = await start({ port: 0 });
  expect(listeners.lm).toMatch(/^lm:\/\/127\.0\.0\.1:\d+$/);
  const [lm, resp] = [await connect(listeners.lm), await connect(listeners.resp)];
  const value = Buffer.alloc(512, 7);
  lm.raw(packPut(KEY, value));
  lm.raw(packRequest(command.get, KEY));
  expect(await lm.bytes(36 + 512)).toEqual(Buffer.concat([packReply(200, 512, golden), value]));
  expect(await resp.ask("STRLEN", `${KEY}kv_bytes`)).toBe(512);
  expect(JSON.parse((await resp.ask("KW.STATS")) as string)).toMatchObject({
    listeners,
    lm: { clients: { connected: 1 }, gets: 1, hits: 1, misses: 0, puts: 1, bytesOut: 548 },
  });
  const info = (await resp.ask("INFO", "stats")) as string;
  expect(info.split("\r\n")).toEqual(
    expect.arrayContaining(["lm_gets:1", "lm_puts:1", "lm_connected_clients:1"]),
  );
});

test("a taken port is an error that names the flag, and leaves nothing listening", async () => {
  const taken = net.createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as net.AddressInfo;
  await expect(start({ port })).rejects.toMatchObject({
    code: "LISTEN_FAILED",
    remedy: expect.stringContaining("--lm-port") as string,
  });
});

test("the port comes from flags and the environment too", async () => {
  const { loadConfig } = await import("../../src/config/load.ts");
  const port = (flags: object, env: NodeJS.ProcessEnv = {}) =>
    loadConfig({ flags: { ...flags }, env, cwd: "/" }).config.lm.port;
  expect(port({})).toBe("off");
  expect(port({ lmPort: "65432" })).toBe(65_432);
  expect(port({}, { KEEPWARM_LM_PORT: "0" })).toBe(0);
  expect(port({ lmPort: "off" }, { KEEPWARM_LM_PORT: "0" })).toBe("off");
});
