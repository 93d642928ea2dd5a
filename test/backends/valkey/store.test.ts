import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { connectResp } from "../../../src/backends/valkey/client.ts";
import type { ValkeyFormat } from "../../../src/backends/valkey/formats/options.ts";
import { ValkeyStore } from "../../../src/backends/valkey/valkey-store.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { startServer } from "../../../src/config/server.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../../src/testing/servers/running-server.ts";
import { TcpProxy } from "../../../src/testing/tcp-proxy.ts";
import { replyText } from "../../../src/wire/resp/reply.ts";
import { ReplyDecoder } from "../../../src/wire/resp/reply-decoder.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { getAll, makeBlocks, openStore, putAll, timed } from "./support.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

describe.each(["native", "raw", "lmcache-pair"] as ValkeyFormat[])("getInto, %s", (format) => {
  test("reads blocks into memory of the caller's choice", async () => {
    const store = openStore({ url: server.url, format, prefix: `${JSON.stringify(format)}:` });
    const blocks = makeBlocks(5, 100_000);
    await putAll(store, blocks);
    const memory = Array.from({ length: 5 }, () => Buffer.alloc(100_010, "#"));
    const asked: number[][] = [];
    const found = await store.getInto([...blocks.keys(), "gone"], (index, length) => {
      asked.push([index, length]);
      if (index === 1) return undefined;
      return index === 2 ? Buffer.alloc(10) : memory[index];
    });
    expect(found).toEqual(
      [0, 1, 2, 3, 4, 5].map((index) =>
        [1, 2, 5].includes(index) ? undefined : { bytes: 100_000, ttlMs: undefined },
      ),
    );
    expect(asked.toSorted(([a], [b]) => a - b)).toEqual(
      [0, 1, 2, 3, 4].map((index) => [index, 100_000]),
    );
    const values = [...blocks.values()];
    for (const index of [0, 3, 4]) {
      expect(memory[index].subarray(0, 100_000).equals(values[index])).toBe(true);
      expect(memory[index].subarray(100_000).toString()).toBe("#".repeat(10));
    }
    expect(store.stats()).toMatchObject({ hits: 3, misses: 3 });
    expect(await getAll(store, blocks)).toBe(5);
  });
});

test("values of raw formats go from the kernel straight into that memory", async () => {
  const store = openStore({ url: server.url, format: "raw" });
  const blocks = makeBlocks(4, 4_000_000);
  await putAll(store, blocks);
  const memory = Array.from({ length: 4 }, () => Buffer.alloc(4_000_000));
  const decoded = vi.spyOn(ReplyDecoder.prototype, "write");
  onTestFinished(() => decoded.mockRestore());
  await store.getInto([...blocks.keys()], (index) => memory[index]);
  const copied = decoded.mock.calls.reduce((sum, [chunk]) => sum + chunk.length, 0);
  expect(copied).toBeLessThan(4 * 128 * 1024);
  for (const [index, value] of [...blocks.values()].entries())
    expect(value.equals(memory[index])).toBe(true);
});

test("a caller's mistake in place is his, and harms no other call", async () => {
  const store = openStore({ url: server.url, format: "raw" });
  await store.put([{ key: "k", value: Buffer.alloc(50_000, 1) }]);
  await expect(store.getInto(["k"], fail)).rejects.toThrow("mine");
  expect((await store.getInto(["k"], () => Buffer.alloc(50_000)))[0]?.bytes).toBe(50_000);
});

test("memory of a released block is used again, that of a held one is not", async () => {
  const store = openStore({ url: server.url });
  await store.put([{ key: "k", value: Buffer.alloc(200_000, 1) }]);
  const [held] = await store.get(["k"]);
  const [first] = await store.get(["k"]);
  const { buffer } = first!.bytes;
  first!.release();
  first!.release();
  const [second, third] = await store.get(["k", "k"]);
  const used = [second, third].map((block) => block!.bytes.buffer);
  expect(used).toContain(buffer);
  expect(used).not.toContain(held!.bytes.buffer);
  expect(new Set(used).size).toBe(2);
  for (const block of [held, second, third]) block!.release();
});

test("of a batch too long for the server the rest is kept", async () => {
  const store = openStore({ url: server.url });
  const { maxBlockBytes } = store.capabilities;
  expect(maxBlockBytes).toBe(512 * 1024 ** 2 - 2048);
  const part = new Uint8Array(maxBlockBytes / 2 + 1);
  const outcomes = await store.put([
    { key: "small", value: Buffer.alloc(1) },
    { key: "huge", value: [part, part] },
  ]);
  expect(outcomes).toEqual([{ status: "stored" }, { status: "rejected", reason: "too-large" }]);
});

test("a batch of more than may wait is written all the same, in time or not at all", async () => {
  const store = openStore({ url: server.url, prefix: "long:", queueBytes: 4_000_000 });
  const blocks = makeBlocks(40, 500_000);
  expect(await putAll(store, blocks)).toBe(40);
  expect(store.stats().servers[0].dropped).toBe(0);
  expect(await getAll(store, blocks)).toBe(40);
  const proxy = await TcpProxy.start(server);
  onTestFinished(() => proxy.close());
  proxy.behaviour = { bytesPerSecond: 2_000_000 };
  const slow = openStore({
    url: `redis://127.0.0.1:${proxy.port}`,
    prefix: "late:",
    queueBytes: 4_000_000,
    deadlineMs: 600,
  });
  const entries = [...blocks].map(([key, value]) => ({ key, value, ifAbsent: true }));
  const { ms, result } = await timed(slow.put(entries));
  expect(ms).toBeLessThan(600 + 100);
  const stored = result.filter(({ status }) => status === "stored").length;
  expect(stored).toBeGreaterThan(0);
  expect(stored).toBeLessThan(40);
  expect(slow.stats()).toMatchObject({ stored, rejected: 40 - stored, failedWrites: 40 - stored });
});

test("of one key twice in a batch the put that leaves it alone does so", async () => {
  const store = openStore({ url: server.url, prefix: "twice:" });
  const outcomes = await store.put([
    { key: "k", value: Buffer.from("one") },
    { key: "k", value: Buffer.from("two"), ifAbsent: true },
  ]);
  expect(outcomes).toEqual([{ status: "stored" }, { status: "exists" }]);
  const [block] = await store.get(["k"]);
  expect(String(block && Buffer.from(block.bytes))).toBe("one");
});

test("a large block that is there is not sent when it shall be left alone", async () => {
  const store = openStore({ url: server.url, prefix: "once:" });
  const value = Buffer.alloc(1_000_000);
  await store.put([{ key: "k", value }]);
  const before = await received();
  expect(await store.put([{ key: "k", value, ifAbsent: true }])).toEqual([{ status: "exists" }]);
  expect((await received()) - before).toBeLessThan(10_000);

  async function received(): Promise<number> {
    const connection = await connectResp(server.url);
    const info = replyText(await connection.command(["INFO", "stats"])) ?? "";
    await connection.close();
    return Number(/total_net_input_bytes:(\d+)/.exec(info)?.[1]);
  }
});

test("statistics name the server, durations and what it says of itself", async () => {
  const own = await startRedisServer({ args: ["--maxmemory", "100mb"] });
  onTestFinished(async () => void (await own.stop()));
  const store = openStore({ url: own.url });
  await putAll(store, makeBlocks(10, 1000));
  await store.match(["block-0"]);
  await store.get(["block-0", "gone"]);
  expect(store.stats()).toMatchObject({ blocks: 0, usedBytes: 0, capacityBytes: Infinity });
  expect(await store.serverStats()).toMatchObject({
    keyCount: 10,
    memoryLimit: 100 * 1024 ** 2,
    keyspaceHits: 3,
    keyspaceMisses: 2,
    servers: 1,
  });
  const stats = store.stats();
  expect(stats).toMatchObject({
    blocks: 10,
    hits: 1,
    misses: 1,
    stored: 10,
    storedBytes: 10_000,
    capacityBytes: 100 * 1024 ** 2,
    get: { count: 1 },
    put: { count: 1 },
    match: { count: 1 },
    servers: [{ breaker: "closed", url: own.url, waiting: 0, inFlight: 0 }],
  });
  expect(stats.usedBytes).toBeGreaterThan(10_000);
  expect(stats.put.p99Ms).toBeGreaterThan(0);
});

test("a Keepwarm server is a server like the others", async () => {
  const keepwarm = await startServer(parseConfig({ resp: { port: 0 }, ram: { size: "64MiB" } }));
  onTestFinished(() => keepwarm.close());
  const store = openStore({ url: keepwarm.listeners.resp.replace("redis:", "keepwarm:") });
  const blocks = makeBlocks(10, 200_000);
  expect(await putAll(store, blocks)).toBe(10);
  expect(await getAll(store, blocks)).toBe(10);
  const found = [];
  for await (const entry of store.scan({ prefix: "block-" })) found.push(entry.bytes);
  expect(found).toEqual(Array.from({ length: 10 }, () => 200_000));
});

test("does not keep a process from ending when it is closed, nor talk afterwards", async () => {
  const store = new ValkeyStore(server.url);
  await store.check();
  const reading = store.get(["a", "b"]);
  await Promise.all([store.close(), store.close()]);
  await reading;
  await expect(store.check()).rejects.toMatchObject({ code: "CLOSED" });
});

describe("who is not let in", () => {
  test("a wrong password is a miss at once, and named by check and statistics", async () => {
    const own = await startRedisServer({ args: ["--requirepass", "right"] });
    onTestFinished(async () => void (await own.stop()));
    const store = openStore({ url: own.url, password: "wrong" });
    expect(await store.get(["a"])).toEqual([undefined]);
    await expect(store.check()).rejects.toThrow(/WRONGPASS/);
    expect(store.stats().lastError).toMatch(/WRONGPASS/);
    await openStore({ url: own.url, password: "right" }).check();
  });

  test("keys beyond a user's pattern are misses and rejections", async () => {
    const users = ["engine on >secret ~own:* +@all"];
    const own = await startRedisServer({ users });
    onTestFinished(async () => void (await own.stop()));
    const url = own.url.replace("//", "//engine:secret@");
    const store = openStore({ url, prefix: "other:" });
    expect(await store.put([{ key: "a", value: Buffer.alloc(1) }])).toEqual([
      { status: "rejected", reason: "failed" },
    ]);
    expect(await store.get(["a"])).toEqual([undefined]);
    expect(await store.match(["a"])).toBe(0);
    expect(store.stats()).toMatchObject({
      lastError: expect.stringMatching(/NOPERM/),
      servers: [{ breaker: "closed" }],
    });
  });

  test("TLS: an authority, a certificate and the right name are needed", async () => {
    const certificates = await makeCertificates();
    const { ca, client, stranger } = certificates;
    const own = await startRedisServer({ tls: { ca, ...certificates.server } });
    onTestFinished(async () => void (await own.stop()));
    for (const [tls, message] of [
      [{}, /certificate/],
      [{ ca }, /closed|alert|certificate/],
      [{ ca, ...stranger }, /alert|closed|certificate/],
      [{ ca, ...client, servername: "other.example" }, /altnames|Hostname/],
    ] as const) {
      const store = openStore({ url: own.url, tls, deadlineMs: 2000 });
      expect(await store.get(["a"])).toEqual([undefined]);
      await expect(store.check()).rejects.toThrow(message);
    }
    const blocks = makeBlocks(4, 3_000_000);
    const store = openStore({ url: own.url, tls: { ca, ...client } });
    expect(await putAll(store, blocks)).toBe(4);
    expect(await getAll(store, blocks)).toBe(4);
  });
});

function fail(): never {
  throw new RangeError("mine");
}

test("counts the blocks of a model, and only those, in steps", async () => {
  const own = await startRedisServer();
  onTestFinished(async () => void (await own.stop()));
  const [mine, other] = ["meta/llama", "meta/llama-2"].map((model) =>
    openStore({ url: own.url, format: { name: "hicache", model } }),
  );
  await putAll(mine, makeBlocks(700, 10));
  await putAll(other, makeBlocks(30, 10));
  expect(await mine.countBlocks()).toBe(700);
  expect(await mine.countBlocks({ prefix: "block-69" })).toBe(11);
  expect(await other.countBlocks()).toBe(30);
  expect(await openStore({ url: own.url, format: "raw" }).countBlocks()).toBe(730);
  expect((await mine.serverStats()).keyCount).toBe(730);
  await own.stop();
  await expect(mine.countBlocks()).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
});
