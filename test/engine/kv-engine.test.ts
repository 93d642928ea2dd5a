import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { LmStore } from "../../src/backends/lm/lm-store.ts";
import { ValkeyStore } from "../../src/backends/valkey/valkey-store.ts";
import { KvEngine } from "../../src/engine/kv-engine.ts";
import { LmServer } from "../../src/fronts/lm/server.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import type { BlockStore } from "../../src/store/contract.ts";
import { TieredStore } from "../../src/store/tiered-store.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { TierChain } from "../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../src/tiers/ram/ram-tier.ts";
import { localStore, namespace, openEngine, ramStore, tokensFrom, Values } from "./support.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startRedisServer({ engine: "valkey" });
});
afterAll(() => server.stop());

let prefixes = 0;
function valkeyStore(): BlockStore {
  const store = new ValkeyStore({ url: server.url, format: "raw", prefix: `${prefixes++}:` });
  onTestFinished(() => store.close());
  return store;
}

async function lmStore(): Promise<BlockStore> {
  const tiers = new TierChain({ ram: new RamTier({ capacityBytes: 16 * 1024 ** 2 }) });
  const lm = await LmServer.listen({ tiers, logger: silentLogger, port: 0 });
  const store = new LmStore({ url: lm.url });
  onTestFinished(async () => {
    await store.close();
    await lm.close();
  });
  return store;
}

const stores: [string, string, () => BlockStore | Promise<BlockStore>][] = [
  ["memory", "ram", () => ramStore()],
  ["memory with a disk behind it", "ram", localStore],
  ["Valkey", "valkey", valkeyStore],
  ["an lm server", "lm", lmStore],
  ["memory in front of Valkey", "ram", () => new TieredStore([ramStore(), valkeyStore()])],
];

describe.each(stores)("an engine over %s", (_, tier, create) => {
  const prompt = tokensFrom(100, 11);

  test("gives back chunks and tail as they were stored", async () => {
    const engine = await openEngine(await create());
    const values = new Values();
    expect(await engine.store(prompt, values.source(prompt))).toMatchObject({
      status: "STORED",
      reason: undefined,
      storedTokens: 11,
      storedBytes: 11_000,
    });
    expect(await engine.lookup(prompt)).toEqual({
      status: "HIT",
      prefixTokens: 11,
      tiers: [{ tier, tokens: 11 }],
    });
    using found = await engine.retrieve(prompt);
    expect(found).toMatchObject({ status: "HIT", prefixTokens: 11, bytes: 11_000 });
    expect(found.chunks.map(({ start, end, tokens }) => [start, end, tokens])).toEqual([
      [0, 4, 4],
      [4, 8, 4],
      [8, 11, 3],
    ]);
    for (const { bytes, ...range } of found.chunks)
      expect(values.of(prompt, range).equals(bytes)).toBe(true);
  });

  test("finds what prompts share, and the longest tail behind it", async () => {
    const engine = await openEngine(await create());
    const values = new Values();
    await engine.store(prompt, values.source(prompt), { tails: [10, 11, 6] });
    const forked = [...prompt.slice(0, 10), 7, 8, 9, 10];
    expect(await engine.lookup(forked)).toMatchObject({
      status: "PARTIAL",
      prefixTokens: 10,
      missing: { start: 10, end: 14 },
      reason: "absent",
    });
    expect(await engine.lookup([...prompt.slice(0, 7), 1])).toMatchObject({ prefixTokens: 6 });
    expect(await engine.lookup(prompt.slice(0, 7))).toMatchObject({ prefixTokens: 6 });
    expect(await engine.lookup(forked, { tail: false })).toMatchObject({ prefixTokens: 8 });
    expect(await engine.lookup([1, 2, 3, 4, 5])).toMatchObject({
      status: "MISS",
      prefixTokens: 0,
      reason: "absent",
    });
    expect(await engine.lookup([1, 2, 3])).toMatchObject({ status: "MISS", reason: "too-short" });
    using found = await engine.retrieve(forked);
    expect(found.chunks.at(-1)).toMatchObject({ start: 8, end: 10, tokens: 2 });
  });

  test("stores only what is not there", async () => {
    const engine = await openEngine(await create());
    const values = new Values();
    await engine.store(prompt, values.source(prompt));
    const longer = [...prompt, ...tokensFrom(500, 4)];
    values.asked.length = 0;
    const result = await engine.store(longer, values.source(longer));
    expect(values.asked).toEqual([
      { start: 8, end: 12 },
      { start: 12, end: 15 },
    ]);
    expect(result).toMatchObject({ status: "STORED", reason: "present", storedTokens: 7 });
    expect(await engine.store(longer, values.source(longer))).toMatchObject({
      status: "SKIPPED",
      reason: "present",
      storedBytes: 0,
    });
  });

  test("fills memory of the caller's, as far as there is any", async () => {
    const engine = await openEngine(await create());
    const values = new Values();
    await engine.store(prompt, values.source(prompt));
    const memory = Buffer.alloc(8000);
    using found = await engine.retrieve(prompt, {
      into: ({ start, end }, bytes) =>
        end <= 8 ? memory.subarray(start * 1000, start * 1000 + bytes) : undefined,
    });
    expect(found).toMatchObject({ status: "PARTIAL", prefixTokens: 8, reason: "no-room" });
    expect(memory.subarray(4000).equals(values.of(prompt, { start: 4, end: 8 }))).toBe(true);
    expect(found.chunks[0].bytes.buffer).toBe(memory.buffer);
  });

  test("cuts at the most tokens that are wanted", async () => {
    const engine = await openEngine(await create());
    await engine.store(prompt, new Values().source(prompt));
    using found = await engine.retrieve(prompt, { maxTokens: 7 });
    expect(found).toMatchObject({ status: "HIT", prefixTokens: 7 });
    expect(found.chunks.at(-1)).toMatchObject({ start: 4, end: 8, tokens: 3 });
    using none = await engine.retrieve(prompt, { maxTokens: 0 });
    expect(none).toMatchObject({ status: "MISS", prefixTokens: 0 });
  });

  test("keeps namespaces and salts apart", async () => {
    const store = await create();
    const values = new Values();
    const engine = await openEngine(store);
    await engine.store(prompt, values.source(prompt));
    const others = [
      { namespace: { ...namespace, revision: "2" } },
      { namespace: { ...namespace, salt: "tenant" } },
      { namespace: { ...namespace, lora: "adapter" } },
      { namespace: { ...namespace, layout: "other" } },
      { namespace: { ...namespace, worldSize: 2, rank: 1 } },
      { namespace: { ...namespace, dtype: "bfloat16" } },
      { namespace: { ...namespace, model: "test@model" } },
      { chunkSize: 5 },
      { keyspace: 3 },
    ];
    for (const options of others) {
      const other = await openEngine(store, options);
      expect(await other.lookup(prompt)).toMatchObject({ status: "MISS" });
    }
    expect(await (await openEngine(store)).lookup(prompt)).toMatchObject({ status: "HIT" });
  });

  test("drops a prompt from a token on", async () => {
    const engine = await openEngine(await create());
    const values = new Values();
    await engine.store(prompt, values.source(prompt), { tails: [3, 11] });
    expect(await engine.drop(prompt, { from: 4 })).toBe(2);
    expect(await engine.lookup(prompt)).toMatchObject({ status: "PARTIAL", prefixTokens: 4 });
    expect(await engine.drop(prompt)).toBe(2);
    expect(await engine.lookup(prompt)).toMatchObject({ status: "MISS" });
    expect(await engine.lookup(prompt.slice(0, 3))).toMatchObject({ status: "MISS" });
  });

  test("brings a prompt to the nearest tier", async () => {
    const engine = await openEngine(await create());
    await engine.store(prompt, new Values().source(prompt));
    expect(await engine.prefetch([...prompt, 1, 2, 3])).toBe(11);
    expect(await engine.prefetch([5, 6, 7, 8])).toBe(0);
    expect(engine.stats().retrieves).toBe(["valkey", "lm"].includes(tier) ? 0 : 2);
  });

  test("holds a prompt", async () => {
    const engine = await openEngine(await create());
    await engine.store(prompt, new Values().source(prompt));
    const pin = await engine.pin(prompt);
    expect(pin).toMatchObject({
      tokens: 11,
      how: ["valkey", "lm"].includes(tier) ? "held" : "pinned",
    });
    pin.release();
    pin.release();
  });

  test("counts", async () => {
    const engine = await openEngine(await create());
    await engine.store(prompt, new Values().source(prompt));
    await engine.lookup(prompt);
    await engine.lookup([9, 9, 9, 9]);
    using found = await engine.retrieve(prompt);
    expect(engine.stats()).toMatchObject({
      lookups: 2,
      retrieves: 1,
      stores: 1,
      requestedTokens: 26,
      hitTokens: 22,
      hitBytes: found.bytes,
      storedChunks: 3,
      storedBytes: 11_000,
      activeCalls: 0,
      waitingCalls: 0,
      queuedBytes: 0,
      misses: { absent: 1 },
    });
  });
});

test("opens the store that a URL names, and closes it", async () => {
  const engine = await KvEngine.open({ store: server.url, namespace, chunkSize: 4 });
  const prompt = tokensFrom(7_000_000, 8);
  await engine.store(prompt, [Buffer.alloc(4, 1), Buffer.alloc(4, 2)]);
  using found = await engine.retrieve(prompt);
  expect(found.chunks.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).toEqual([
    "01010101",
    "02020202",
  ]);
  await engine.close();
  expect(await engine.lookup(prompt)).toMatchObject({ status: "MISS", reason: "closed" });
  expect(await engine.store(prompt, [])).toMatchObject({ status: "SKIPPED", reason: "closed" });
});

test("what is pinned stays when the store is full, until the last pin is released", async () => {
  const store = ramStore(4 * 1024 ** 2);
  const engine = await openEngine(store);
  const values = new Values(50_000);
  const [kept, other] = [tokensFrom(0, 8), tokensFrom(10, 8)];
  await engine.store(kept, values.source(kept));
  await engine.store(other, values.source(other));
  const pins = [await engine.pin(kept), await engine.pin(kept)];
  pins[0].release();
  for (let first = 1000; first < 2000; first += 20) {
    const tokens = tokensFrom(first, 8);
    await engine.store(tokens, values.source(tokens));
  }
  expect(await engine.lookup(other)).toMatchObject({ status: "MISS" });
  expect(await engine.lookup(kept)).toMatchObject({ status: "HIT" });
  const pinned = (): number => {
    const { entries } = store.tier;
    const all = Array.from({ length: entries.end - 1 }, (_, index) => index + 1);
    return all.filter((entry) => entries.isPresent(entry) && entries.pinned(entry)).length;
  };
  expect(pinned()).toBe(2);
  pins[1].release();
  expect(pinned()).toBe(0);
});

test("what lies on the disk is said to", async () => {
  const store = await localStore();
  const engine = await openEngine(store);
  const prompt = tokensFrom(0, 8);
  await engine.store(prompt, new Values().source(prompt));
  await store.tiers.settled();
  const { ram } = store.tiers;
  for (let entry = 1; entry < ram.entries.end; entry++)
    if (ram.entries.isPresent(entry)) store.tiers.demote(entry);
  using found = await engine.retrieve(prompt);
  expect(found).toMatchObject({ status: "HIT", tiers: [{ tier: "ssd", tokens: 8 }] });
});

test("refuses what no key can say", async () => {
  const store = ramStore();
  await expect(KvEngine.open({ store, namespace: { model: "", dtype: "x" } })).rejects.toThrow(
    "has no model",
  );
  await expect(KvEngine.open({ store, namespace: { model: "m", dtype: "F 16" } })).rejects.toThrow(
    "dtype",
  );
  await expect(openEngine(store, { chunkSize: 0 })).rejects.toThrow(TypeError);
  const engine = await openEngine(store);
  await expect(engine.lookup([1.5])).rejects.toThrow(TypeError);
  await expect(engine.lookup([-1])).rejects.toThrow(TypeError);
});
