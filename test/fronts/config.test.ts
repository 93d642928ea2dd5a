import { expect, test } from "vitest";
import { startFront } from "../support/front.ts";
import { type Word, pairs } from "../support/raw-client.ts";

async function start() {
  const front = await startFront();
  return { front, client: await front.client() };
}

test("CONFIG GET finds settings by pattern", async () => {
  const { front, client } = await start();
  const get = async (...names: string[]) => pairs(await client.ask("CONFIG", "GET", ...names));
  expect(await get("maxmemory")).toEqual({ maxmemory: String(16 * 1024 ** 2) });
  expect(await get("MAXMEMORY*", "save", "appendonly")).toEqual({
    maxmemory: String(16 * 1024 ** 2),
    "maxmemory-policy": "allkeys-lru",
    save: "",
    appendonly: "no",
  });
  expect(await get("port", "tls-port", "bind", "databases", "cluster-enabled")).toEqual({
    port: String(front.server.state.port),
    "tls-port": "0",
    bind: "127.0.0.1",
    databases: "16",
    "cluster-enabled": "no",
  });
  expect(await get("none")).toEqual({});
  expect(Object.keys(await get("*")).length).toBeGreaterThan(20);
});

test("CONFIG SET changes what can be changed, at once", async () => {
  const { front, client } = await start();
  const set = (name: string, value: Word) => client.ask("CONFIG", "SET", name, value);
  const cases: [name: string, value: string, read?: string][] = [
    ["maxmemory", "8mb", String(8 * 1024 ** 2)],
    ["MaxMemory", String(16 * 1024 ** 2)],
    ["maxmemory-policy", "allkeys-s3fifo"],
    ["maxmemory-policy", "allkeys-lru"],
    ["eviction-policy", "s3fifo"],
    ["ram-max-blocks", "3"],
    ["ram-grace-ms", "0"],
    ["maxclients", "5"],
    ["timeout", "60"],
    ["slowlog-log-slower-than", "-1"],
    ["slowlog-max-len", "3"],
  ];
  for (const [name, value, read = value] of cases) {
    expect([name, await set(name, value)]).toEqual([name, "OK"]);
    expect(pairs(await client.ask("CONFIG", "GET", name))).toEqual({ [name.toLowerCase()]: read });
  }
  for (let i = 0; i < 5; i++) await client.ask("SET", `k${i}`, "v");
  expect(await client.ask("DBSIZE")).toBe(3);
  expect(await client.ask("CONFIG", "SET", "ram-max-blocks", 0, "maxclients", 100)).toBe("OK");
  expect(front.ram.maxBlocks).toBe(0);
});

test("a smaller maxmemory evicts what no longer fits", async () => {
  const { front, client } = await start();
  for (let i = 0; i < 12; i++) await client.ask("SET", `k${i}`, Buffer.alloc(1_000_000));
  expect(await client.ask("CONFIG", "SET", "maxmemory", "4MiB")).toBe("OK");
  expect(front.ram.usedBytes).toBeLessThanOrEqual(4 * 1024 ** 2);
  expect(await client.ask("EXISTS", "k11")).toBe(1);
  expect(await client.ask("EXISTS", "k0")).toBe(0);
});

test("CONFIG SET says why it refuses", async () => {
  const { client } = await start();
  const cases: [name: string, value: string, reason: RegExp][] = [
    ["maxmemory", "17mb", /started with 16 MiB; .*--ram-size/],
    ["maxmemory", "1kb", /at least 1 MiB/],
    ["maxmemory", "much", /a size such as 4GiB/],
    ["maxmemory-policy", "noeviction", /a full cache always evicts/],
    ["maxmemory-policy", "volatile-lru", /one of allkeys-lru, allkeys-s3fifo/],
    ["ram-max-blocks", "-1", /whole number of at least 0/],
    ["ram-max-blocks", "1.5", /whole number/],
    ["maxclients", "0", /at least 1/],
    ["port", "1", /can't be changed while running/],
    ["save", "60 1", /can't be changed while running/],
    ["nonsense", "1", /Unknown option .* 'nonsense'/],
    ["constructor", "1", /Unknown option/],
  ];
  for (const [name, value, reason] of cases)
    expect(await client.refusal("CONFIG", "SET", name, value)).toMatch(reason);
  expect(await client.refusal("CONFIG", "SET", "maxclients")).toMatch(/wrong number of arguments/);
  expect(await client.refusal("CONFIG", "REWRITE")).toMatch(/configuration file is yours/);
  expect(await client.refusal("CONFIG", "NOPE")).toMatch(/unknown subcommand/);
  expect(await client.ask("CONFIG", "HELP")).toHaveLength(1);
});

test("CONFIG RESETSTAT starts all counters again", async () => {
  const { front, client } = await start();
  await client.ask("SET", "k", "v");
  await client.ask("GET", "k");
  await client.ask("GET", "none");
  await client.refusal("NOPE");
  expect(await client.ask("CONFIG", "RESETSTAT")).toBe("OK");
  expect(front.server.state).toMatchObject({ hits: 0, misses: 0, errorReplies: 0 });
  expect(front.ram.counters).toMatchObject({ hits: 0, misses: 0, stored: 0 });
  expect(await client.ask("INFO", "commandstats")).not.toContain("cmdstat_get");
});
