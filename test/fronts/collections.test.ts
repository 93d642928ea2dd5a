import { expect, test } from "vitest";
import { startFront } from "../support/front.ts";
import type { Word } from "../support/raw-client.ts";

const KIB = 1024;

async function start(collectionBytes = 1024 * KIB) {
  const front = await startFront({ limits: { collectionBytes } });
  return { front, client: await front.client() };
}

test("lists are pushed to and popped from either end", async () => {
  const { client } = await start();
  expect(await client.ask("RPUSH", "l", "c", "d")).toBe(2);
  expect(await client.ask("LPUSH", "l", "b", "a")).toBe(4);
  expect(await client.ask("LRANGE", "l", 0, -1)).toEqual(["a", "b", "c", "d"]);
  expect(await client.ask("LPOP", "l")).toBe("a");
  expect(await client.ask("RPOP", "l")).toBe("d");
  expect(await client.ask("LLEN", "l")).toBe(2);
  await client.ask("RPUSH", "l", "e", "f");
  expect(await client.ask("RPOP", "l", 2)).toEqual(["f", "e"]);
  expect(await client.ask("LPOP", "l", 0)).toEqual([]);
  expect(await client.ask("LPOP", "l", 100)).toEqual(["b", "c"]);
  expect(await client.ask("EXISTS", "l")).toBe(0);
  expect(await client.ask("LPOP", "l")).toBe(null);
  expect(await client.ask("LPOP", "l", 2)).toBe(null);
  expect(await client.refusal("LPOP", "l", -1)).toMatch(/must be positive/);
});

test("ranges, indexes and trims count from either end", async () => {
  const { client } = await start();
  await client.ask("RPUSH", "l", 0, 1, 2, 3, 4);
  const cases: [from: number, to: number, items: string[]][] = [
    [0, -1, ["0", "1", "2", "3", "4"]],
    [1, 2, ["1", "2"]],
    [-2, -1, ["3", "4"]],
    [-100, 1, ["0", "1"]],
    [3, 100, ["3", "4"]],
    [3, 1, []],
    [0, -100, []],
    [100, 200, []],
  ];
  for (const [from, to, items] of cases) {
    expect([from, to, await client.ask("LRANGE", "l", from, to)]).toEqual([from, to, items]);
    await client.ask("DEL", "copy");
    await client.ask("RPUSH", "copy", 0, 1, 2, 3, 4);
    expect(await client.ask("LTRIM", "copy", from, to)).toBe("OK");
    expect([from, to, await client.ask("LRANGE", "copy", 0, -1)]).toEqual([from, to, items]);
    expect(await client.ask("EXISTS", "copy")).toBe(items.length > 0 ? 1 : 0);
  }
  expect(await client.ask("LINDEX", "l", 0)).toBe("0");
  expect(await client.ask("LINDEX", "l", -1)).toBe("4");
  expect(await client.ask("LINDEX", "l", 5)).toBe(null);
  expect(await client.ask("LRANGE", "none", 0, -1)).toEqual([]);
  expect(await client.ask("LTRIM", "none", 0, -1)).toBe("OK");
  expect(await client.refusal("LRANGE", "l", "a", 1)).toMatch(/not an integer/);
  expect(await client.refusal("LINDEX", "l", "a")).toMatch(/not an integer/);
});

test("LREM removes from the front, from the end, or all", async () => {
  const { client } = await start();
  await client.ask("RPUSH", "l", "a", "b", "a", "c", "a");
  expect(await client.ask("LREM", "l", 1, "a")).toBe(1);
  expect(await client.ask("LRANGE", "l", 0, -1)).toEqual(["b", "a", "c", "a"]);
  expect(await client.ask("LREM", "l", -1, "a")).toBe(1);
  expect(await client.ask("LRANGE", "l", 0, -1)).toEqual(["b", "a", "c"]);
  expect(await client.ask("LREM", "l", 0, "none")).toBe(0);
  expect(await client.ask("LREM", "none", 0, "a")).toBe(0);
  for (const item of ["a", "b", "c"]) expect(await client.ask("LREM", "l", 0, item)).toBe(1);
  expect(await client.ask("EXISTS", "l")).toBe(0);
});

test("hashes keep fields in the order of their first setting", async () => {
  const { client } = await start();
  expect(await client.ask("HSET", "h", "a", "1", "b", "2")).toBe(2);
  expect(await client.ask("HSET", "h", "a", "3", "c", "4")).toBe(1);
  expect(await client.ask("HMSET", "h", "d", "5")).toBe("OK");
  expect(await client.ask("HGETALL", "h")).toEqual(["a", "3", "b", "2", "c", "4", "d", "5"]);
  expect(await client.ask("HKEYS", "h")).toEqual(["a", "b", "c", "d"]);
  expect(await client.ask("HGET", "h", "b")).toBe("2");
  expect(await client.ask("HGET", "h", "none")).toBe(null);
  expect(await client.ask("HMGET", "h", "b", "none", "a")).toEqual(["2", null, "3"]);
  expect(await client.ask("HMGET", "none", "a")).toEqual([null]);
  expect(await client.ask("HLEN", "h")).toBe(4);
  expect(await client.ask("HEXISTS", "h", "c")).toBe(1);
  expect(await client.ask("HEXISTS", "h", "none")).toBe(0);
  expect(await client.ask("HDEL", "h", "a", "b", "none", "c")).toBe(3);
  expect(await client.ask("HDEL", "h", "d")).toBe(1);
  expect(await client.ask("EXISTS", "h")).toBe(0);
  expect(await client.ask("HDEL", "h", "d")).toBe(0);
  expect(await client.refusal("HSET", "h", "a", "1", "b")).toBe(
    "ERR wrong number of arguments for 'hset' command",
  );
});

test("elements and fields may hold any bytes", async () => {
  const { client } = await start();
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  await client.ask("RPUSH", bytes, bytes);
  await client.ask("HSET", "h", bytes, bytes);
  for (const words of [
    ["LINDEX", bytes, 0],
    ["HGET", "h", bytes],
  ] satisfies [string, ...Word[]][]) {
    client.send(...words);
    expect(await client.reply()).toEqual(bytes);
  }
  client.send("HKEYS", "h");
  expect(await client.reply()).toEqual([bytes]);
});

test("each type refuses the commands of the others and stays as it is", async () => {
  const { client } = await start();
  await client.ask("SET", "block", "v");
  await client.ask("RPUSH", "list", "v");
  await client.ask("HSET", "hash", "f", "v");
  const ofLists: [string, ...Word[]][] = [
    ["RPUSH", "", "x"],
    ["LPUSH", "", "x"],
    ["LPOP", ""],
    ["RPOP", "", 2],
    ["LRANGE", "", 0, -1],
    ["LINDEX", "", 0],
    ["LLEN", ""],
    ["LTRIM", "", 0, 0],
    ["LREM", "", 0, "v"],
  ];
  const ofHashes: [string, ...Word[]][] = [
    ["HSET", "", "f", "x"],
    ["HGET", "", "f"],
    ["HMGET", "", "f"],
    ["HGETALL", ""],
    ["HKEYS", ""],
    ["HDEL", "", "f"],
    ["HLEN", ""],
    ["HEXISTS", "", "f"],
  ];
  for (const [commands, keys] of [
    [ofLists, ["block", "hash"]],
    [ofHashes, ["block", "list"]],
  ] as const)
    for (const [name, , ...rest] of commands)
      for (const key of keys)
        expect([name, await client.refusal(name, key, ...rest)]).toEqual([
          name,
          "WRONGTYPE Operation against a key holding the wrong kind of value",
        ]);
  expect(await client.ask("GET", "block")).toBe("v");
  expect(await client.ask("LRANGE", "list", 0, -1)).toEqual(["v"]);
  expect(await client.ask("HGETALL", "hash")).toEqual(["f", "v"]);
});

test("collections stay within their limit: the least recently written go, never the one at hand", async () => {
  const { front, client } = await start(64 * KIB);
  const item = "x".repeat(KIB);
  for (let i = 0; i < 100; i++) {
    expect(await client.ask("RPUSH", `l${i}`, item)).toBe(1);
    expect(await client.ask("EXISTS", `l${i}`)).toBe(1);
    expect(front.server.state.collections.bytes).toBeLessThanOrEqual(64 * KIB);
  }
  const { evicted, size } = front.server.state.collections;
  expect(size).toBeGreaterThan(30);
  expect(evicted).toBe(100 - size);
  expect(await client.ask("INFO", "stats")).toContain(`evicted_keys:${evicted}\r\n`);
  for (let n = 1; n <= 50; n++) expect(await client.ask("RPUSH", "big", item)).toBe(n);
  expect(await client.ask("LLEN", "big")).toBe(50);
});

test("one collection that would take more than all may is refused, and stays as it is", async () => {
  const { front, client } = await start(64 * KIB);
  await client.ask("RPUSH", "list", "a");
  await client.ask("HSET", "hash", "f", "a");
  const big = "x".repeat(70 * KIB);
  const message = /^OOM one list or hash may take 64 KiB here/;
  expect(await client.refusal("RPUSH", "list", big)).toMatch(message);
  expect(await client.refusal("LPUSH", "new", big)).toMatch(message);
  expect(await client.refusal("HSET", "hash", "g", big)).toMatch(message);
  expect(await client.ask("LRANGE", "list", 0, -1)).toEqual(["a"]);
  expect(await client.ask("HGETALL", "hash")).toEqual(["f", "a"]);
  expect(await client.ask("EXISTS", "new")).toBe(0);
  await client.ask("DEL", "list", "hash");
  expect(front.server.state.collections.bytes).toBe(0);
});

test("the bytes of collections add up through every kind of change", async () => {
  const { front, client } = await start();
  await client.ask("RPUSH", "l", "aaa", "b", "aaa", "cc");
  await client.ask("LREM", "l", 1, "aaa");
  await client.ask("LTRIM", "l", 0, 1);
  await client.ask("RENAME", "l", "a much longer name");
  await client.ask("LPOP", "a much longer name", 2);
  await client.ask("HSET", "h", "f", "a", "g", "bbb");
  await client.ask("HSET", "h", "f", "aaaaa");
  await client.ask("HDEL", "h", "f", "g");
  expect(front.server.state.collections.bytes).toBe(0);
  await client.ask("HSET", "h", "f", "a");
  await client.ask("SET", "h", "block");
  expect(front.server.state.collections.bytes).toBe(0);
});
