import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { parseConfig } from "../../src/config/load.ts";
import { startServer } from "../../src/config/server.ts";
import { freePort } from "../../src/testing/servers/free-port.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import { withConnection } from "../../src/testing/servers/with-connection.ts";
import { startLmFront } from "../support/lm-front.ts";

async function describe(url: string, ...flags: string[]): Promise<string> {
  let out = "";
  const code = await runCli(["describe", "--url", url, ...flags], {
    stdout: { write: (data) => (out += Buffer.from(data).toString()) },
    stderr: { write: () => {} },
    stdin: Readable.from([]),
    env: {},
    cwd: tmpdir(),
    signal: new AbortController().signal,
  });
  expect(code).toBe(0);
  return out;
}

async function serveBefore(...remote: string[]): Promise<string> {
  const config = parseConfig({ resp: { port: 0 }, ram: { size: "32MiB" }, remote });
  const server = await startServer(config);
  onTestFinished(() => server.close());
  return server.listeners.resp;
}

test("describe tells of stores on other machines: traffic, queue, servers", async () => {
  const redis = await startRedisServer();
  onTestFinished(async () => void (await redis.stop()));
  const lm = await startLmFront();
  const url = await serveBefore(redis.url, lm.server.url);
  await withConnection(redis.url, (connection) =>
    connection.set("there", [Buffer.alloc(2 * 1024 ** 2)]),
  );
  await withConnection(url, async (connection) => {
    expect(await connection.getInto("there", Buffer.alloc(2 * 1024 ** 2))).toBe(2 * 1024 ** 2);
    await connection.set("here", [Buffer.alloc(1024)]);
  });
  await expect.poll(() => describe(url)).toMatch(/written\t1 block\n[^]*written\t1 block\n/);
  expect(await describe(url)).toMatch(
    new RegExp(
      `^remote\\tvalkey\\nhits\\t100.0 % of 1\\nserved\\t2 MiB\\nwritten\\t1 block\\nqueue\\t0 B in 0 writes\\nnode\\t${redis.url}, \\d+ connections?\\nremote\\tlm\\n`,
      "m",
    ),
  );
  const { remotes } = JSON.parse(await describe(url, "--json")) as { remotes: { name: string }[] };
  expect(remotes.map(({ name }) => name)).toEqual(["valkey", "lm"]);
});

test("describe shows a store that does not answer, and one whose servers nobody knows", async () => {
  const [dead, sentinel] = [await freePort(), await freePort()];
  const url = await serveBefore(
    `redis://127.0.0.1:${dead}`,
    `redis-sentinel://127.0.0.1:${sentinel}/main`,
  );
  await withConnection(url, (connection) => connection.set("k", [Buffer.alloc(10)]));
  await expect.poll(() => describe(url)).toMatch(/failed\t1 block/);
  const text = await describe(url);
  expect(text).toMatch(new RegExp(`node\\tredis://127.0.0.1:${dead} does not answer: .*ECONNREF`));
  expect(text).toContain("nodes\tnone known yet");
});
