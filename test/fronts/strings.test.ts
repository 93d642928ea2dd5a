import { expect, test } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { startFront } from "../support/front.ts";
import type { Word } from "../support/raw-client.ts";

const SYNTAX = "ERR syntax error";
const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
const WRONG_TYPE = /^WRONGTYPE /;

const large = (byte: number): Buffer => Buffer.alloc(150_000, byte);

async function start() {
  const clock = new FakeClock();
  const front = await startFront({}, { clock });
  return { clock, front, client: await front.client() };
}

test("SET's expiries count in their own unit, from now or from 1970", async () => {
  const { clock, client } = await start();
  const cases: [unit: string, amount: number][] = [
    ["EX", 100],
    ["px", 100_000],
    ["EXAT", clock.now() / 1000 + 100],
    ["PXAT", clock.now() + 100_000],
  ];
  for (const [unit, amount] of cases) {
    expect(await client.ask("SET", "k", "v", unit, amount)).toBe("OK");
    expect(await client.ask("PTTL", "k")).toBe(100_000);
  }
  expect(await client.ask("SET", "k", "w", "KEEPTTL")).toBe("OK");
  expect(await client.ask("PTTL", "k")).toBe(100_000);
  expect(await client.ask("SET", "k", "w")).toBe("OK");
  expect(await client.ask("PTTL", "k")).toBe(-1);
  expect(await client.ask("SET", "new", "w", "KEEPTTL")).toBe("OK");
  expect(await client.ask("PTTL", "new")).toBe(-1);
});

test("SET with NX or XX stores only what is absent or present", async () => {
  const { client } = await start();
  expect(await client.ask("SET", "k", "1", "XX")).toBe(null);
  expect(await client.ask("SET", "k", "1", "NX")).toBe("OK");
  expect(await client.ask("SET", "k", "2", "NX", "EX", 10)).toBe(null);
  expect(await client.ask("GET", "k")).toBe("1");
  expect(await client.ask("TTL", "k")).toBe(-1);
  expect(await client.ask("SET", "k", "3", "PX", 5000, "XX")).toBe("OK");
  expect(await client.ask("GET", "k")).toBe("3");
  await client.ask("RPUSH", "list", "x");
  expect(await client.ask("SET", "list", "1", "NX")).toBe(null);
  expect(await client.ask("SET", "list", "1", "XX")).toBe("OK");
  expect(await client.ask("TYPE", "list")).toBe("string");
});

test("SET with GET answers the value before, stored or not", async () => {
  const { client } = await start();
  expect(await client.ask("SET", "k", "1", "GET")).toBe(null);
  expect(await client.ask("SET", "k", "2", "GET")).toBe("1");
  expect(await client.ask("SET", "k", "3", "NX", "GET")).toBe("2");
  expect(await client.ask("SET", "other", "3", "XX", "GET")).toBe(null);
  expect(await client.ask("SET", "k", "4", "XX", "GET", "KEEPTTL")).toBe("2");
  expect(await client.ask("MGET", "k", "other")).toEqual(["4", null]);
  await client.ask("RPUSH", "list", "x");
  expect(await client.refusal("SET", "list", "1", "GET")).toMatch(WRONG_TYPE);
  expect(await client.ask("LLEN", "list")).toBe(1);
});

test("options that contradict each other, or are none, are refused and nothing is stored", async () => {
  const { front, client } = await start();
  const invalidExpiry = "ERR invalid expire time in 'set' command";
  const cases: [options: Word[], error: string][] = [
    [["NX", "XX"], SYNTAX],
    [["XX", "NX"], SYNTAX],
    [["EX", 1, "PX", 1], SYNTAX],
    [["EX", 1, "KEEPTTL"], SYNTAX],
    [["KEEPTTL", "EX", 1], SYNTAX],
    [["EX"], SYNTAX],
    [["WHAT"], SYNTAX],
    [["EX", "ten"], NOT_AN_INTEGER],
    [["EX", "1.5"], NOT_AN_INTEGER],
    [["EX", "010"], NOT_AN_INTEGER],
    [["EX", "99999999999999999999"], NOT_AN_INTEGER],
    [["EX", 0], invalidExpiry],
    [["PX", -1], invalidExpiry],
    [["EX", "9223372036854775807"], invalidExpiry],
  ];
  for (const [options, error] of cases)
    for (const value of ["v", large(1)])
      expect([options, await client.refusal("SET", "k", value, ...options)]).toEqual([
        options,
        error,
      ]);
  expect(await client.ask("EXISTS", "k")).toBe(0);
  expect(await front.leftReserved()).toBe(0);
});

test("an expiry in the past stores what is gone at once", async () => {
  const { client } = await start();
  expect(await client.ask("SET", "k", "v", "PXAT", 1)).toBe("OK");
  expect(await client.ask("GET", "k")).toBe(null);
});

test("SETEX, PSETEX, SETNX, GETSET and GETDEL", async () => {
  const { client } = await start();
  expect(await client.ask("SETEX", "k", 10, "v")).toBe("OK");
  expect(await client.ask("TTL", "k")).toBe(10);
  expect(await client.ask("PSETEX", "k", 10, "v")).toBe("OK");
  expect(await client.ask("PTTL", "k")).toBe(10);
  expect(await client.refusal("SETEX", "k", 0, "v")).toBe(
    "ERR invalid expire time in 'setex' command",
  );
  expect(await client.refusal("PSETEX", "k", "x", Buffer.alloc(100_000))).toBe(NOT_AN_INTEGER);
  expect(await client.ask("SETNX", "k", "w")).toBe(0);
  expect(await client.ask("SETNX", "n", "w")).toBe(1);
  expect(await client.ask("GETSET", "k", "w")).toBe("v");
  expect(await client.ask("TTL", "k")).toBe(-1);
  expect(await client.ask("GETSET", "m", "1")).toBe(null);
  expect(await client.ask("GETDEL", "k")).toBe("w");
  expect(await client.ask("GETDEL", "k")).toBe(null);
  await client.ask("RPUSH", "list", "x");
  expect(await client.refusal("GETSET", "list", "v")).toMatch(WRONG_TYPE);
  expect(await client.refusal("GETDEL", "list")).toMatch(WRONG_TYPE);
  expect(await client.ask("SETNX", "list", "v")).toBe(0);
  expect(await client.ask("LLEN", "list")).toBe(1);
});

test("GETEX reads and changes the expiry", async () => {
  const { clock, client } = await start();
  await client.ask("SET", "k", "v");
  const cases: [options: Word[], ttl: number][] = [
    [[], -1],
    [["EX", 10], 10_000],
    [[], 10_000],
    [["PX", 500], 500],
    [["PERSIST"], -1],
    [["EXAT", clock.now() / 1000 + 20], 20_000],
    [["PXAT", clock.now() + 700], 700],
  ];
  for (const [options, ttl] of cases) {
    expect(await client.ask("GETEX", "k", ...options)).toBe("v");
    expect(await client.ask("PTTL", "k")).toBe(ttl);
  }
  expect(await client.ask("GETEX", "none", "EX", 10)).toBe(null);
  for (const options of [["EX"], ["WHAT", "1"], ["PERSIST", "1"], ["EX", "1", "PERSIST"]])
    expect(await client.refusal("GETEX", "k", ...options)).toBe(SYNTAX);
  expect(await client.refusal("GETEX", "k", "EX", 0)).toMatch(
    /^ERR invalid expire time in 'getex'/,
  );
});

test("GETRANGE takes its bounds from either end, both included", async () => {
  const { client } = await start();
  await client.ask("SET", "k", "This is a string");
  const cases: [start: number, end: number, part: string][] = [
    [0, 3, "This"],
    [-3, -1, "ing"],
    [0, -1, "This is a string"],
    [10, 100, "string"],
    [-100, 3, "This"],
    [5, 2, ""],
    [100, 200, ""],
    [0, -100, ""],
  ];
  for (const [from, to, part] of cases)
    expect([from, to, await client.ask("GETRANGE", "k", from, to)]).toEqual([from, to, part]);
  expect(await client.ask("SUBSTR", "k", 0, 1)).toBe("Th");
  expect(await client.ask("GETRANGE", "none", 0, -1)).toBe("");
  expect(await client.refusal("GETRANGE", "k", "a", 1)).toBe(NOT_AN_INTEGER);
  expect(await client.ask("STRLEN", "k")).toBe(16);
  expect(await client.ask("STRLEN", "none")).toBe(0);
});

test("APPEND is for small values, and keeps the expiry", async () => {
  const { client } = await start();
  expect(await client.ask("APPEND", "k", "ab")).toBe(2);
  await client.ask("PEXPIRE", "k", 1000);
  expect(await client.ask("APPEND", "k", "cd")).toBe(4);
  expect(await client.ask("GET", "k")).toBe("abcd");
  expect(await client.ask("PTTL", "k")).toBe(1000);
  expect(await client.refusal("APPEND", "k", Buffer.alloc(1024 ** 2))).toMatch(/1 MiB/);
  expect(await client.ask("STRLEN", "k")).toBe(4);
});

test("MSET stores all pairs; of a key that is named twice the last value stays", async () => {
  const { front, client } = await start();
  expect(await client.ask("MSET", "a", "1", "b", "2", "a", "3")).toBe("OK");
  expect(await client.ask("MGET", "a", "b", "c")).toEqual(["3", "2", null]);
  expect(await client.ask("MSET", "a", large(1), "b", "x", "a", large(2))).toBe("OK");
  client.send("GET", "a");
  expect(large(2).equals((await client.reply()) as Buffer)).toBe(true);
  expect(front.ram.entries.count).toBe(2);
  expect(await client.refusal("MSET", "a", large(3), "b")).toBe(
    "ERR wrong number of arguments for 'mset' command",
  );
  expect(await front.leftReserved()).toBe(0);
});

test("MSETNX stores all or nothing", async () => {
  const { front, client } = await start();
  expect(await client.ask("MSETNX", "a", "1", "b", large(1), "a", "2")).toBe(1);
  expect(await client.ask("GET", "a")).toBe("2");
  expect(await client.ask("MSETNX", "c", large(2), "b", large(3))).toBe(0);
  expect(await client.ask("EXISTS", "c")).toBe(0);
  for (const key of ["a", "z"])
    expect(await client.refusal("MSETNX", key, "1", "b")).toBe(
      "ERR wrong number of arguments for 'msetnx' command",
    );
  expect(await front.leftReserved()).toBe(0);
});

test("string commands refuse lists and hashes; SET and MSET replace them", async () => {
  const { client } = await start();
  await client.ask("RPUSH", "list", "x");
  await client.ask("HSET", "hash", "f", "v");
  for (const key of ["list", "hash"]) {
    for (const words of [
      ["GET", key],
      ["GETRANGE", key, 0, 1],
      ["STRLEN", key],
      ["APPEND", key, "v"],
      ["GETEX", key],
    ])
      expect(await client.refusal(...(words as [string, ...Word[]]))).toMatch(WRONG_TYPE);
    expect(await client.ask("MGET", key)).toEqual([null]);
  }
  expect(await client.ask("MSET", "list", "1", "hash", "2")).toBe("OK");
  expect(await client.ask("MGET", "list", "hash")).toEqual(["1", "2"]);
  expect(await client.ask("DBSIZE")).toBe(2);
});

test("values of any length and any bytes come back as they went", async () => {
  const { client } = await start();
  for (const length of [0, 1, 16_383, 65_535, 65_536, 65_537, 1_000_003]) {
    const value = Buffer.alloc(length);
    for (let i = 0; i < length; i++) value[i] = (i * 31 + (i >> 8)) & 255;
    expect(await client.ask("SET", "k", value)).toBe("OK");
    client.send("GET", "k");
    expect(value.equals((await client.reply()) as Buffer)).toBe(true);
  }
});

test("a key may have 1 to 1024 bytes", async () => {
  const { front, client } = await start();
  for (const value of ["v", Buffer.alloc(100_000)]) {
    expect(await client.ask("SET", "k".repeat(1024), value)).toBe("OK");
    expect(await client.refusal("SET", "k".repeat(1025), value)).toMatch(/1025 bytes is too long/);
    expect(await client.refusal("SET", "", value)).toMatch(/may not be empty/);
    expect(await client.refusal("SET", "", value, "GET")).toMatch(/may not be empty/);
    expect(await client.refusal("GETSET", "k".repeat(1025), value)).toMatch(/too long/);
  }
  expect(await front.leftReserved()).toBe(0);
});
