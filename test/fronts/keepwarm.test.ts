import { expect, test } from "vitest";
import type { ServerStats } from "../../src/fronts/resp/stats.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { startFront } from "../support/front.ts";

test("KW.MATCH counts the keys that are present in a row from the first", async () => {
  const front = await startFront();
  const client = await front.client();
  await client.ask("MSET", "c0", "1", "c1", "1", "c3", "1");
  await client.ask("RPUSH", "list", "x");
  const cases: [keys: string[], count: number][] = [
    [["c0"], 1],
    [["c0", "c1"], 2],
    [["c0", "c1", "c2", "c3"], 2],
    [["c2", "c0"], 0],
    [["c0", "list", "c1"], 1],
    [["c0", "c0", "c0"], 3],
  ];
  for (const [keys, count] of cases)
    expect([keys, await client.ask("KW.MATCH", ...keys)]).toEqual([keys, count]);
  expect(await client.ask("kw.match", "c0")).toBe(1);
  expect(front.server.state.hits + front.server.state.misses).toBe(0);
});

test("KW.MATCH protects what it reported, and lets the tail of the chain go first", async () => {
  const clock = new FakeClock();
  const front = await startFront({}, { maxBlocks: 6, graceMs: 1000, clock });
  const client = await front.client();
  const chain = ["c0", "c1", "c2", "c3"];
  for (const key of chain.toReversed()) await client.ask("SET", key, "v");
  expect(await client.ask("KW.MATCH", ...chain)).toBe(4);
  for (let i = 0; i < 10; i++) await client.ask("SET", `x${i}`, "v");
  expect(await client.ask("KW.MATCH", ...chain)).toBe(4);
  clock.advance(2000);
  for (const left of [3, 2, 1, 0]) {
    while (front.ram.find(Buffer.from(`c${left}`), 0, 2, 0) !== 0)
      await client.ask("SET", `y${front.ram.counters.stored}`, "v");
    const present: number[] = [];
    for (let i = 0; i < 4; i++) if (front.ram.find(Buffer.from(`c${i}`), 0, 2, 0)) present.push(i);
    expect(present).toEqual([0, 1, 2, 3].slice(0, left));
  }
});

test("KW.SCAN answers bytes, time left, idle time, hits and tier of each key", async () => {
  const clock = new FakeClock();
  const client = await (await startFront({}, { clock })).client();
  await client.ask("SET", "block", "12345");
  await client.ask("SET", "mortal", Buffer.alloc(100_000), "PX", 9000);
  await client.ask("GET", "block");
  await client.ask("RPUSH", "list", "x");
  clock.advance(2000);
  const [cursor, rows] = (await client.ask("KW.SCAN", 0)) as [string, [string, ...unknown[]][]];
  expect(cursor).toBe("0");
  const byKey = new Map(rows.map(([key, ...row]) => [key, row]));
  expect(byKey.get("block")).toEqual([5, -1, 2000, 1, "ram"]);
  expect(byKey.get("mortal")).toEqual([100_000, 7000, 2000, 0, "ram"]);
  expect(byKey.get("list")?.slice(1)).toEqual([-1, 2000, 0, "list"]);
  expect(byKey.size).toBe(3);
});

test("KW.SCAN goes on from its cursor and narrows by MATCH", async () => {
  const client = await (await startFront()).client();
  for (let i = 0; i < 30; i++) await client.ask("SET", `k${i}`, "v");
  const met: string[] = [];
  let cursor = "0";
  let steps = 0;
  do {
    const [next, rows] = (await client.ask("KW.SCAN", cursor, "COUNT", 7, "MATCH", "k1*")) as [
      string,
      [string][],
    ];
    met.push(...rows.map(([key]) => key));
    cursor = next;
    steps++;
  } while (cursor !== "0");
  expect(steps).toBeGreaterThan(3);
  expect(new Set(met).size).toBe(11);
  expect(met).toHaveLength(11);
  for (const wrong of [["x"], [-1], [0, "COUNT", 0], [0, "COUNT"], [0, "WHAT", 1]])
    expect(await client.refusal("KW.SCAN", ...wrong)).toMatch(/^ERR usage: KW.SCAN/);
});

test("KW.STATS is JSON with the figures of this server", async () => {
  const front = await startFront(
    { listeners: () => ({ resp: "redis://127.0.0.1:1" }), limits: { clients: 7 } },
    { maxBlocks: 100, policy: "s3fifo" },
  );
  const client = await front.client();
  await client.ask("SET", "k", Buffer.alloc(100_000));
  await client.ask("GET", "k");
  await client.ask("GET", "none");
  await client.refusal("GET");
  const stats = JSON.parse((await client.ask("KW.STATS")) as string) as ServerStats;
  expect(stats).toEqual({
    version: "test",
    pid: process.pid,
    uptimeSeconds: expect.any(Number),
    node: process.version,
    listeners: { resp: "redis://127.0.0.1:1" },
    tiers: [
      {
        name: "ram",
        policy: "s3fifo",
        capacityBytes: 16 * 1024 ** 2,
        usedBytes: expect.any(Number),
        valueBytes: 100_000,
        blocks: 1,
        maxBlocks: 100,
        hits: 1,
        misses: 1,
        hitBytes: 100_000,
        stored: 1,
        storedBytes: 100_000,
        evicted: 0,
        evictedBytes: 0,
        expired: 0,
        rejected: 0,
        pinned: 0,
        inflightBytes: expect.any(Number),
      },
    ],
    remotes: [],
    clients: { connected: 1, max: 7, rejected: 0 },
    traffic: { commands: 5, bytesIn: expect.any(Number), bytesOut: expect.any(Number) },
    keyspace: { hits: 1, misses: 1 },
    commands: {
      set: { calls: 1, rejected: 0, p50Us: expect.any(Number), p99Us: expect.any(Number) },
      get: { calls: 2, rejected: 1, p50Us: expect.any(Number), p99Us: expect.any(Number) },
    },
  });
  expect(stats.traffic.bytesIn).toBeGreaterThan(100_000);
  expect(stats.tiers[0].usedBytes).toBeGreaterThan(100_000);
});
