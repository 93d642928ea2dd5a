import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isContainer } from "../../src/codecs/container.ts";
import { parseConfig } from "../../src/config/load.ts";
import type { ConfigInput } from "../../src/config/schema.ts";
import { startServer } from "../../src/config/server.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import { kvBlock, kvMetadata } from "../support/coded-front.ts";
import { eventually } from "../support/lm-front.ts";
import { RawClient } from "../support/raw-client.ts";

const KEY = "org/m@1@0@44ea817d9387da2c@bfloat16";

async function connect(url: string): Promise<RawClient> {
  const client = await RawClient.connect(Number(new URL(url).port));
  onTestFinished(() => client.close());
  return client;
}

async function serve(input: ConfigInput): Promise<RawClient> {
  const server = await startServer(
    parseConfig({ resp: { port: 0 }, ram: { size: "32MiB", graceMs: 0 }, ...input }),
  );
  onTestFinished(() => server.close());
  return connect(server.listeners.resp);
}

async function get(client: RawClient, key: string): Promise<Buffer | null> {
  client.send("GET", key);
  return (await client.reply()) as Buffer | null;
}

async function redis(): Promise<{ url: string; client: RawClient }> {
  const server = await startRedisServer();
  onTestFinished(async () => void (await server.stop()));
  return { url: server.url, client: await connect(server.url) };
}

interface Stats {
  readonly remotes: readonly { readonly name: string; readonly store: Record<string, number> }[];
  readonly coded?: Record<string, number>;
}

async function stats(client: RawClient): Promise<Stats> {
  return JSON.parse((await client.ask("KW.STATS")) as string) as Stats;
}

test("blocks go encoded to a remote store where a rule says so, and every server reads them", async () => {
  const { url, client: there } = await redis();
  const rules = [
    { model: "org/m", codec: "fp8" as const, remote: true },
    { match: "exact@*", codec: "zstd-planes" as const, dtype: "bfloat16" as const, remote: true },
  ];
  const writer = await serve({ remote: [url], codecs: rules });
  const value = kvBlock(256);
  await writer.ask("SET", `${KEY}kv_bytes`, value);
  await writer.ask("SET", `${KEY}metadata`, kvMetadata(256));
  await writer.ask("SET", "exact@1", value);
  await writer.ask("SET", "other@1", value);
  await writer.ask("SET", KEY, value);
  await eventually(async () => (await stats(writer)).remotes[0].store["stored"]).toBe(5);
  const lossy = (await get(there, `${KEY}kv_bytes`))!;
  expect(isContainer(lossy)).toBe(true);
  expect(lossy.length).toBeLessThan(value.length / 1.9);
  expect((await get(there, `${KEY}metadata`))!.equals(kvMetadata(256))).toBe(true);
  expect(isContainer((await get(there, "exact@1"))!)).toBe(true);
  expect((await get(there, "other@1"))!.equals(value)).toBe(true);
  expect((await get(there, KEY))!.equals(value)).toBe(true);
  expect((await stats(writer)).remotes[0]).toMatchObject({
    name: "valkey",
    store: { encoded: 2, leftAsIs: 2, originalBytes: 2 * value.length },
  });

  const reader = await serve({ remote: [url] });
  expect((await get(reader, "exact@1"))!.equals(value)).toBe(true);
  expect((await get(reader, "other@1"))!.equals(value)).toBe(true);
  const decoded = (await get(reader, `${KEY}kv_bytes`))!;
  expect(decoded).toHaveLength(value.length);
  expect(decoded.equals(value)).toBe(false);
  expect((await stats(reader)).remotes[0].store).toMatchObject({ decoded: 2, encoded: 0 });
  await there.ask("SETRANGE", "exact@1", 2000, "damaged");
  const third = await serve({ remote: [url] });
  expect(await get(third, "exact@1")).toBeNull();
  expect((await stats(third)).remotes[0].store).toMatchObject({ undecodable: 1 });
});

test("a block that a client sends as a container comes back as it was sent", async () => {
  const { url, client: there } = await redis();
  const codecs = [{ codec: "zstd-planes" as const, dtype: "bfloat16" as const, remote: true }];
  const writer = await serve({ remote: [url], codecs });
  await writer.ask("SET", "a", kvBlock(64));
  await eventually(async () => (await get(there, "a"))?.length ?? 0).toBeGreaterThan(0);
  const container = (await get(there, "a"))!;
  await writer.ask("SET", "b", container);
  await eventually(async () => (await get(there, "b"))?.length ?? 0).toBeGreaterThan(0);
  const reader = await serve({ remote: [url] });
  expect((await get(reader, "b"))!.equals(container)).toBe(true);
});

test("idle blocks are kept encoded, with a directory also over a restart", async () => {
  const folder = mkdtempSync(join(tmpdir(), "keepwarm-coded-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const input = {
    coded: { size: "8MiB", dir: join(folder, "coded"), diskSize: "256MiB" },
    codecs: [{ codec: "zstd-planes" as const, dtype: "bfloat16" as const, idle: 1 }],
  };
  const config = parseConfig({ resp: { port: 0 }, ram: { size: "32MiB" }, ...input });
  const server = await startServer(config);
  const client = await connect(server.listeners.resp);
  const value = kvBlock(256);
  await client.ask("SET", "a", value);
  await eventually(() => client.ask("KW.WHERE", "a")).toEqual([["coded"]]);
  expect((await stats(client)).coded).toMatchObject({ blocks: 1, encoded: 1 });
  expect((await stats(client)).remotes).toEqual([]);
  client.close();
  await server.close();
  const again = await serve(input);
  await eventually(async () => (await get(again, "a"))?.equals(value)).toBe(true);
});

test.each<[input: ConfigInput, message: RegExp]>([
  [{ codecs: [{ codec: "gzip" as never }] }, /codecs\.0\.codec: must be one of "naive"/],
  [{ codecs: [{ codec: "fp8", remote: true }] }, /codecs\.0\.remote: there is no store/],
  [{ codecs: [{ codec: "fp8", idle: "1m" }] }, /codecs\.0\.idle: there is no memory/],
  [{ codecs: [{ codec: "fp8", format: "KV_2LTD", channels: 64 }] }, /only in part/],
  [{ codecs: [{ codec: "fp8", bins: 32 }] }, /codecs\.0\.bins: mean nothing to fp8/],
  [{ codecs: [{ codec: "cachegen", bins: 33 }] }, /codecs\.0\.bins: must be an even number/],
  [{ coded: { size: "1GiB" }, ssd: { dir: "/tmp/x" } }, /coded\.size: .* would not outlive/],
  [{ coded: { dir: "/tmp/x" } }, /coded\.dir: there is no memory/],
  [{ coded: { diskSize: "1GiB" } }, /coded\.diskSize: there is no directory/],
])("%j is refused", (input, message) => {
  expect(() => parseConfig(input)).toThrow(message);
});
