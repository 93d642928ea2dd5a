import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connectResp } from "../../../src/backends/valkey/client.ts";
import type { RespConnection } from "../../../src/backends/valkey/connection.ts";
import type { ValkeyFormat } from "../../../src/backends/valkey/formats/options.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../../src/testing/servers/running-server.ts";
import { openStore } from "./support.ts";

let server: RunningServer;
let raw: RespConnection;
beforeAll(async () => {
  server = await startRedisServer();
  raw = await connectResp(server.url);
});
afterAll(async () => {
  await raw.close();
  await server.stop();
});

async function open(format: ValkeyFormat, prefix?: string) {
  await raw.command(["FLUSHALL"]);
  return openStore({ url: server.url, format, prefix });
}

/** All that the server holds, by name. */
async function everything(): Promise<Record<string, string>> {
  const names = (await raw.command(["KEYS", "*"])) as Buffer[];
  const entries = names.map(async (name) => {
    const value = (await raw.command(["GET", name])) as Buffer;
    return [name.toString("latin1"), value.toString("latin1")];
  });
  return Object.fromEntries((await Promise.all(entries)) as [string, string][]);
}

const key = "meta-llama/Llama-3.1-8B@1@0@44ea817d9387da2c@bfloat16";
const value = Buffer.alloc(512, "0123456789abcdef");
/** Length 512, KV_2LTD, bfloat16, [2, 2, 4, 16]. */
const golden = Buffer.from("00020000010000000300000002000000020000000400000010000000", "hex");
const describeChunk = () => ({ format: 1, groups: [{ dtype: 3, shape: [2, 2, 4, 16] }] });

async function readBack(store: ReturnType<typeof openStore>): Promise<Buffer | undefined> {
  const [block] = await store.get([key]);
  return block && Buffer.from(block.bytes);
}

describe("LMCache", () => {
  test.each([
    ["redis", `${key}kv_bytes`, `${key}metadata`],
    ["valkey", `${key}:kv_bytes`, `${key}:metadata`],
    ["valkey-cluster", `{${key}}:kv_bytes`, `{${key}}:metadata`],
  ] as const)("writes and reads pairs as %s connectors do", async (generation, bytes, metadata) => {
    const store = await open({ name: "lmcache-pair", generation, describe: describeChunk });
    await store.put([{ key, value }]);
    expect(await everything()).toEqual({
      [bytes]: value.toString("latin1"),
      [metadata]: golden.toString("latin1"),
    });
    await raw.command(["FLUSHALL"]);
    await raw.set(bytes, value);
    expect(await store.has([key])).toEqual([false]);
    expect(await readBack(store)).toBeUndefined();
    expect(store.stats()).toMatchObject({ misses: 1, failedReads: 0, damaged: 0 });
    await raw.set(metadata, golden);
    expect(await store.match([key])).toBe(1);
    expect(await readBack(store)).toEqual(value);
    expect(await store.delete([key])).toBe(1);
    expect(await everything()).toEqual({});
  });

  test("describes several groups of layers, and bytes of no shape", async () => {
    const group = { dtype: 2, shape: [1, 2] };
    const several = await open({
      name: "lmcache-pair",
      describe: () => ({ format: 6, groups: [group, group] }),
    });
    await several.put([{ key, value }]);
    const metadata = (await raw.command(["GET", `${key}metadata`])) as Buffer;
    const ints = Array.from({ length: metadata.length / 4 }, (_, i) => metadata.readInt32LE(4 * i));
    expect(ints).toEqual([512, 6, 2, 1, 2, 0, 0, 2, 1, 2, 0, 0]);
    expect(await readBack(several)).toEqual(value);
    const plain = await open("lmcache-pair");
    await plain.put([{ key, value }]);
    expect(await everything()).toMatchObject({
      [`${key}metadata`]: Buffer.from(
        `00020000050000000000000000020000${"00".repeat(12)}`,
        "hex",
      ).toString("latin1"),
    });
  });

  test("removes metadata whose bytes were evicted, and takes torn pairs for misses", async () => {
    const store = await open({ name: "lmcache-pair", describe: describeChunk });
    await raw.set(`${key}metadata`, golden);
    expect(await readBack(store)).toBeUndefined();
    await expect.poll(() => raw.command(["EXISTS", `${key}metadata`])).toBe(0);
    for (const [bytes, metadata] of [
      [value.subarray(1), golden],
      [value, golden.subarray(0, 20)],
      [value, Buffer.from("-")],
    ]) {
      await raw.set(`${key}kv_bytes`, bytes);
      await raw.set(`${key}metadata`, metadata);
      expect(await readBack(store)).toBeUndefined();
    }
    expect(store.stats()).toMatchObject({ damaged: 4, misses: 4, hits: 0 });
  });

  test("has one key with the bytes alone for resp:// and newer valkey:// connectors", async () => {
    const store = await open("lmcache-raw", "pre@");
    await store.put([{ key, value }]);
    expect(await everything()).toEqual({ [`pre@${key}`]: value.toString("latin1") });
    expect(await readBack(store)).toEqual(value);
  });
});

describe("HiCache", () => {
  const page = "cf97adeedb59e05bfd73a2b4c2a8885708c4f4f70c84c64b27120e72ab733b72";

  test.each([
    [
      { model: "meta-llama/Llama-3.1-8B-Instruct" },
      "hicache:meta-llama-Llama-3.1-8B-Instruct:0:1:",
    ],
    [{ model: "test_model", rank: 0, worldSize: 2 }, "hicache:test_model:0:2:"],
    [{ model: "mla_test_model", mla: true, rank: 1, worldSize: 2 }, "hicache:mla_test_model:"],
    [{}, "hicache:default:0:1:"],
    [{ model: "" }, "hicache:default:0:1:"],
  ])("%o has its keys under %s", async (options, prefix) => {
    const store = await open({ name: "hicache", ...options });
    await store.put([{ key: page, value }]);
    expect(await everything()).toEqual({ [prefix + page]: value.toString("latin1") });
    const listed = [];
    for await (const entry of store.scan()) listed.push(String(entry.key), entry.bytes);
    expect(listed).toEqual([page, 512]);
  });
});

describe("our own", () => {
  test("carries key, length and checksum, as documented", async () => {
    const store = await open("native", "kw:");
    await store.put([{ key: "k", value: Buffer.from("value") }]);
    const stored = (await raw.command(["GET", "kw:k"])) as Buffer;
    expect(stored.toString("hex")).toBe(
      "4b57424b" +
        "0100" +
        "0100" +
        "a06dd922" +
        "00000000" +
        "0500000000000000" +
        "6b" +
        "76616c7565",
    );
  });

  test("takes every damaged or foreign value for a miss", async () => {
    const store = await open("native");
    await store.put([{ key, value }]);
    const whole = (await raw.command(["GET", key])) as Buffer;
    const damaged = [
      ...Array.from({ length: whole.length }, (_, at) => {
        const flipped = Buffer.from(whole);
        flipped[at] ^= 1 << (at % 8);
        return flipped;
      }),
      ...[0, 1, 23, 24, whole.length - 1].map((length) => whole.subarray(0, length)),
      Buffer.concat([whole, Buffer.alloc(1)]),
      value,
    ];
    for (const bytes of damaged) {
      await raw.set(key, bytes);
      expect(await readBack(store)).toBeUndefined();
      // What is ours and of no use goes, so that it can be stored again; other values stay.
      const ours = bytes.subarray(0, 4).equals(whole.subarray(0, 4));
      await expect.poll(() => raw.command(["EXISTS", key])).toBe(ours ? 0 : 1);
    }
    expect(store.stats()).toMatchObject({ damaged: damaged.length, hits: 0 });
    await raw.set("other", whole);
    expect(await store.get(["other"])).toEqual([undefined]);
    await raw.set(key, whole);
    expect(await readBack(store)).toEqual(value);
  });

  test("a key that holds something else than a string is a miss", async () => {
    const store = await open("native");
    await raw.command(["LPUSH", key, "x"]);
    expect(await readBack(store)).toBeUndefined();
    expect(store.stats()).toMatchObject({
      failedReads: 1,
      lastError: expect.stringMatching(/WRONGTYPE/),
    });
    const listed = [];
    for await (const entry of store.scan()) listed.push(entry);
    expect(listed).toEqual([]);
  });
});

describe("names", () => {
  test("glob characters in keys and prefixes stand for themselves when listing", async () => {
    const store = await open("raw", "a*[b]?\\:");
    const keys = ["x*", "x?", "x[a-z]", "x\\", "xa", "y^-]"];
    await store.put(keys.map((name) => ({ key: name, value: Buffer.from("v") })));
    await raw.set("aXXb?\\:xno", Buffer.from("not ours"));
    const list = async (prefix?: string) => {
      const found: string[] = [];
      for await (const entry of store.scan(prefix === undefined ? {} : { prefix }))
        found.push(String(entry.key));
      return found.toSorted();
    };
    expect(await list()).toEqual(keys.toSorted());
    expect(await list("x[")).toEqual(["x[a-z]"]);
    expect(await list("x*")).toEqual(["x*"]);
  });

  test("keys of the first keyspace that look like those of another stay apart", async () => {
    const store = await open("raw");
    const tricky = Buffer.from([0, 0x6b, 0x73, 1, 0x61]);
    await store.put([{ key: tricky, value: Buffer.from("zero") }]);
    expect(await store.has(["a"], { keyspace: 1 })).toEqual([false]);
    await store.put([{ key: "a", value: Buffer.from("one") }], { keyspace: 1 });
    const [block] = await store.get([tricky]);
    expect(String(block && Buffer.from(block.bytes))).toBe("zero");
    for (const [keyspace, expected] of [
      [0, tricky],
      [1, Buffer.from("a")],
    ] as const) {
      const found: Buffer[] = [];
      for await (const entry of store.scan({ keyspace })) found.push(Buffer.from(entry.key));
      expect(found).toEqual([expected]);
    }
    await expect(store.get(["a"], { keyspace: 256 })).rejects.toThrow(TypeError);
  });
});

describe("time to live", () => {
  test("comes from the entry, else from the store, and comes back with the block", async () => {
    await raw.command(["FLUSHALL"]);
    const store = openStore({ url: server.url, format: "raw", ttlMs: 60_000 });
    await store.put([
      { key: "own", value: Buffer.from("v"), ttlMs: 5000.5 },
      { key: "default", value: Buffer.from("v") },
    ]);
    await raw.set("ever", Buffer.from("v"));
    const found = await store.get(["own", "default", "ever"]);
    const left = found.map((block) => block?.ttlMs);
    expect(left[0]).toBeGreaterThan(4000);
    expect(left[0]).toBeLessThanOrEqual(5001);
    expect(left[1]).toBeGreaterThan(50_000);
    expect(left[2]).toBeUndefined();
    const [unasked] = await openStore({ url: server.url, format: "raw", readTtl: false }).get([
      "own",
    ]);
    expect(unasked).toMatchObject({ ttlMs: undefined });
    unasked?.release();
    onTestFinished(() => found.forEach((block) => block?.release()));
  });
});
