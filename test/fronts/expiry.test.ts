import { expect, test } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { startFront } from "../support/front.ts";
import type { RawClient, Word } from "../support/raw-client.ts";

async function start() {
  const clock = new FakeClock();
  const front = await startFront({}, { clock });
  return { clock, front, client: await front.client() };
}

const kinds: [kind: string, make: (client: RawClient, key: string) => Promise<unknown>][] = [
  ["block", (client, key) => client.ask("SET", key, "v")],
  ["list", (client, key) => client.ask("RPUSH", key, "v")],
  ["hash", (client, key) => client.ask("HSET", key, "f", "v")],
];

test.each(kinds)("a %s lives until its time has come, and no longer", async (_kind, make) => {
  const { clock, client } = await start();
  await make(client, "k");
  expect(await client.ask("TTL", "k")).toBe(-1);
  expect(await client.ask("PEXPIRE", "k", 1500)).toBe(1);
  expect(await client.ask("PTTL", "k")).toBe(1500);
  expect(await client.ask("TTL", "k")).toBe(2);
  expect(await client.ask("PEXPIRETIME", "k")).toBe(clock.now() + 1500);
  clock.advance(1499);
  expect(await client.ask("EXISTS", "k")).toBe(1);
  clock.advance(1);
  expect(await client.ask("EXISTS", "k")).toBe(0);
  expect(await client.ask("TYPE", "k")).toBe("none");
  expect(await client.ask("KEYS", "*")).toEqual([]);
  for (const command of ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"])
    expect(await client.ask(command, "k")).toBe(-2);
});

test.each(kinds)("EXPIRE's four forms and its conditions, on a %s", async (_kind, make) => {
  const { clock, client } = await start();
  const now = clock.now();
  const steps: [words: [string, ...Word[]], answer: number, pttl: number][] = [
    [["EXPIRE", "k", 10, "XX"], 0, -1],
    [["EXPIRE", "k", 10, "GT"], 0, -1],
    [["EXPIRE", "k", 10, "NX"], 1, 10_000],
    [["EXPIRE", "k", 20, "NX"], 0, 10_000],
    [["PEXPIRE", "k", 20_000, "XX"], 1, 20_000],
    [["EXPIREAT", "k", now / 1000 + 10, "GT"], 0, 20_000],
    [["EXPIREAT", "k", now / 1000 + 30, "GT"], 1, 30_000],
    [["PEXPIREAT", "k", now + 40_000, "LT"], 0, 30_000],
    [["PEXPIREAT", "k", now + 5_000, "LT"], 1, 5_000],
    [["PERSIST", "k"], 1, -1],
    [["PERSIST", "k"], 0, -1],
    [["EXPIRE", "k", 7, "LT"], 1, 7_000],
    [["EXPIRE", "none", 7], 0, 7_000],
    [["PERSIST", "none"], 0, 7_000],
    [["EXPIRE", "k", -1], 1, -2],
  ];
  await make(client, "k");
  for (const [words, answer, pttl] of steps) {
    expect([words, await client.ask(...words)]).toEqual([words, answer]);
    expect([words, await client.ask("PTTL", "k")]).toEqual([words, pttl]);
  }
});

test("expiries that make no sense are refused", async () => {
  const { client } = await start();
  await client.ask("SET", "k", "v");
  expect(await client.refusal("EXPIRE", "k", "soon")).toMatch(/not an integer/);
  expect(await client.refusal("EXPIRE", "k", 1, "MAYBE")).toBe("ERR Unsupported option MAYBE");
  for (const command of ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"])
    expect(await client.refusal(command, "k", "9223372036854775807")).toBe(
      `ERR invalid expire time in '${command.toLowerCase()}' command`,
    );
  expect(await client.refusal("EXPIRE", "k", 1, "NX", "XX")).toMatch(/^ERR /);
  expect(await client.refusal("EXPIRE", "k", 1, "GT", "LT")).toMatch(/^ERR /);
  expect(await client.ask("TTL", "k")).toBe(-1);
});

test("what writes a value anew ends its expiry, what changes it keeps it", async () => {
  const { client } = await start();
  await client.ask("SET", "k", "v", "EX", 100);
  await client.ask("APPEND", "k", "w");
  expect(await client.ask("TTL", "k")).toBe(100);
  await client.ask("SET", "k", "v");
  expect(await client.ask("TTL", "k")).toBe(-1);
  await client.ask("RPUSH", "list", "v");
  await client.ask("EXPIRE", "list", 100);
  await client.ask("RPUSH", "list", "w");
  expect(await client.ask("TTL", "list")).toBe(100);
  await client.ask("DEL", "list");
  await client.ask("RPUSH", "list", "w");
  expect(await client.ask("TTL", "list")).toBe(-1);
});

test("expired keys are swept away and counted without anybody asking for them", async () => {
  const { clock, front, client } = await start();
  for (let i = 0; i < 50; i++) await client.ask("SET", `k${i}`, "v", "PX", 100 + i);
  for (let i = 0; i < 10; i++) {
    await client.ask("RPUSH", `l${i}`, "v");
    await client.ask("PEXPIRE", `l${i}`, 100);
  }
  await client.ask("SET", "stays", "v");
  clock.advance(1000);
  await expect.poll(() => front.ram.entries.count).toBe(1);
  await expect.poll(() => front.server.state.collections.size).toBe(0);
  expect(await client.ask("INFO", "stats")).toMatch(/\nexpired_keys:60\r/);
});

test("an expired key is not met by RANDOMKEY, nor in the way of RENAMENX and SETNX", async () => {
  const { clock, client } = await start();
  await client.ask("SET", "old", "v", "PX", 10);
  await client.ask("RPUSH", "list", "v");
  await client.ask("PEXPIRE", "list", 10);
  await client.ask("SELECT", 1);
  await client.ask("SET", "k", "v");
  await client.ask("SELECT", 0);
  clock.advance(10);
  expect(await client.ask("RANDOMKEY")).toBe(null);
  expect(await client.ask("SETNX", "old", "w")).toBe(1);
  expect(await client.ask("RENAMENX", "old", "list")).toBe(1);
  expect(await client.ask("GET", "list")).toBe("w");
  expect(await client.ask("TTL", "list")).toBe(-1);
});
