import { EventEmitter, once } from "node:events";
import { expect, test } from "vitest";
import { type BlockCoder, inProcessCoder } from "../../../src/codecs/coder.ts";
import { DepartureLog } from "../../../src/tiers/departure-log.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { MIB, kvBlock, kvMetadata, layout, startCodedFront } from "../../support/coded-front.ts";
import { FakeLowerTier } from "../../support/fake-lower-tier.ts";
import type { RawClient } from "../../support/raw-client.ts";

const KEY = "m@1@0@44ea817d9387da2c@bfloat16";
const exact = { codec: "zstd-planes", layout } as const;
const name = (key: string): Buffer => Buffer.from(key);

async function get(client: RawClient, key: string): Promise<Buffer> {
  client.send("GET", key);
  return (await client.reply()) as Buffer;
}

test("an encoded block leaves RAM and comes back byte for byte through any command", async () => {
  const { client, mover, ram, coded } = await startCodedFront();
  const value = kvBlock(256);
  await client.ask("SET", "a", value);
  const moved = await mover.encode(name("a"), 0, exact, true);
  expect(moved).toMatchObject({ status: "moved", before: value.length });
  expect(moved.status === "moved" && moved.after).toBeLessThan(value.length / 1.3);
  expect(ram.entries.count).toBe(0);
  expect(await client.ask("EXISTS", "a", "none")).toBe(1);
  expect(await client.ask("KW.MATCH", "a", "none")).toBe(1);
  expect(await client.ask("KW.WHERE", "a")).toEqual([["coded"]]);
  expect(await client.ask("KW.WHY", "a")).toEqual([["present", "coded"]]);
  expect((await get(client, "a")).equals(value)).toBe(true);
  expect(await client.ask("STRLEN", "a")).toBe(value.length);
  expect(coded.stats()).toMatchObject({ hits: 1, encoded: 1, decoded: 1, undecodable: 0 });
  expect(await mover.encode(name("a"), 0, exact, true)).toMatchObject({ status: "moved" });
  expect(coded.stats().encoded).toBe(1);
  expect(ram.entries.count).toBe(0);
  expect(await mover.decode(name("a"), 0)).toMatchObject({ status: "moved", after: value.length });
  expect(coded.stats().blocks).toBe(0);
  expect(await client.ask("KW.WHERE", "a")).toEqual([["ram"]]);
  expect(ram.slots.count).toBe(1);
});

test("a pair moves together, with the layout that its metadata tells", async () => {
  const { client, mover, ram, coded } = await startCodedFront();
  const value = kvBlock(64);
  const metadata = kvMetadata(64);
  await client.ask("SET", `${KEY}kv_bytes`, value, "PX", 100_000);
  await client.ask("SET", `${KEY}metadata`, metadata, "PX", 100_000);
  expect(await mover.encode(name(`${KEY}metadata`), 0, { codec: "fp8" }, true)).toEqual({
    status: "as-is",
    why: "half-of-a-pair",
  });
  const moved = await mover.encode(name(`${KEY}kv_bytes`), 0, { codec: "fp8" }, true);
  expect(moved).toMatchObject({ status: "moved", before: value.length });
  expect(moved.status === "moved" && moved.after).toBeLessThan(value.length / 1.9);
  expect([ram.entries.count, coded.stats().blocks]).toEqual([0, 2]);
  expect((await get(client, `${KEY}metadata`)).equals(metadata)).toBe(true);
  const off = await get(client, `${KEY}kv_bytes`);
  expect(off).toHaveLength(value.length);
  expect(off.equals(value)).toBe(false);
  expect(await client.ask("PTTL", `${KEY}kv_bytes`)).toBeGreaterThan(90_000);
  expect(await client.ask("DEL", `${KEY}metadata`)).toBe(1);
  expect([ram.entries.count, coded.stats().blocks]).toEqual([0, 0]);
});

test("lossy codecs leave alone what nobody tells the layout of, or what is not as the rule says", async () => {
  const { client, mover, coded } = await startCodedFront();
  const value = kvBlock(64);
  const fp8 = { codec: "fp8" } as const;
  const outcome = (key: string, how: Parameters<typeof mover.encode>[2] = fp8) =>
    mover.encode(name(key), 0, how, true);
  await client.ask("SET", KEY, value);
  expect(await outcome(KEY)).toEqual({ status: "as-is", why: "unknown-layout" });
  expect(await outcome(KEY, { ...fp8, layout: { ...layout, channels: 60 } })).toEqual({
    status: "as-is",
    why: "not-smaller",
  });
  await client.ask("SET", `${KEY}kv_bytes`, value);
  await client.ask("SET", `${KEY}metadata`, kvMetadata(64));
  const other = { ...fp8, layout: { ...layout, layers: 8 } };
  expect(await outcome(`${KEY}kv_bytes`, other)).toEqual({ status: "as-is", why: "other-layout" });
  await client.ask("SET", "small", pseudoRandomBytes(100));
  expect(await outcome("small")).toEqual({ status: "as-is", why: "too-small" });
  expect(await outcome("none")).toEqual({ status: "as-is", why: "gone" });
  await client.ask("SET", "noise", pseudoRandomBytes(20_000));
  expect(await outcome("noise", exact)).toEqual({ status: "as-is", why: "not-smaller" });
  await client.ask("KW.PIN", KEY);
  expect(await outcome(KEY, exact)).toEqual({ status: "as-is", why: "pinned" });
  expect(coded.stats()).toMatchObject({ blocks: 0, encoded: 0 });
});

test("what clients write or delete ends what is kept encoded", async () => {
  const { client, mover, coded, tiers } = await startCodedFront();
  const old = kvBlock(64, 1);
  for (const key of ["set", "del", "expire", "flush"]) {
    await client.ask("SET", key, old);
    expect(await mover.encode(name(key), 0, exact, true)).toMatchObject({ status: "moved" });
  }
  await client.ask("SET", "set", "new");
  tiers.ram.demote(tiers.ram.find(name("set"), 0, 3, 0));
  expect(await client.ask("GET", "set")).toBe(null);
  expect(await client.ask("DEL", "del")).toBe(1);
  expect(await client.ask("GET", "del")).toBe(null);
  expect(await client.ask("PEXPIRE", "expire", 1)).toBe(1);
  await expect.poll(() => client.ask("GET", "expire")).toBe(null);
  expect(coded.stats().blocks).toBe(1);
  await client.ask("FLUSHDB");
  expect(await client.ask("GET", "flush")).toBe(null);
  expect(coded.stats().blocks).toBe(0);
});

test("a block that is replaced while it is being encoded stays as it was replaced", async () => {
  const gate = new EventEmitter();
  const coder: BlockCoder = {
    ...inProcessCoder,
    encode: async (...args) => {
      await once(gate, "open");
      return inProcessCoder.encode(...args);
    },
  };
  const { client, mover, coded } = await startCodedFront({ coder });
  await client.ask("SET", "a", kvBlock(64, 1));
  const moving = mover.encode(name("a"), 0, exact, true);
  const next = kvBlock(64, 2);
  await client.ask("SET", "a", next);
  gate.emit("open");
  expect(await moving).toEqual({ status: "as-is", why: "changed" });
  expect(coded.stats().blocks).toBe(0);
  expect((await get(client, "a")).equals(next)).toBe(true);
});

test("blocks of the tier below come up to be encoded, and leave it", async () => {
  const lower = new FakeLowerTier();
  const { client, mover, ram } = await startCodedFront({ chain: { lower } });
  ram.departures = new DepartureLog();
  const value = kvBlock(256);
  await client.ask("SET", "a", value);
  ram.demote(ram.find(name("a"), 0, 1, 0));
  expect(await client.ask("KW.WHERE", "a")).toEqual([["fake"]]);
  expect(await mover.encode(name("a"), 0, exact, true)).toMatchObject({ status: "moved" });
  expect(await client.ask("KW.WHERE", "a")).toEqual([["coded"]]);
  expect(lower.count).toBe(0);
  expect((await get(client, "a")).equals(value)).toBe(true);
});

test("without room a block stays where it is, unless others may leave for it", async () => {
  const { client, mover, coded } = await startCodedFront({ codedBytes: 4 * MIB });
  for (const key of ["a", "b", "c"]) await client.ask("SET", key, kvBlock(2048, key.charCodeAt(0)));
  for (const key of ["a", "b"])
    expect(await mover.encode(name(key), 0, exact, false)).toMatchObject({ status: "moved" });
  expect(await mover.encode(name("c"), 0, exact, false)).toEqual({
    status: "failed",
    why: "no-room",
  });
  const where = (): Promise<unknown> => client.ask("KW.WHERE", "a", "b", "c");
  expect(await where()).toEqual([["coded"], ["coded"], ["ram"]]);
  expect(await mover.encode(name("c"), 0, exact, true)).toMatchObject({ status: "moved" });
  expect(await where()).toEqual([["coded"], [], ["coded"]]);
  expect(coded.stats()).toMatchObject({ blocks: 2, evicted: 1 });
});

test("KW.SCAN lists encoded blocks behind the others, once each", async () => {
  const clock = new FakeClock();
  const { client, mover } = await startCodedFront({ tier: { clock } });
  for (let index = 0; index < 30; index++) await client.ask("SET", `k${index}`, kvBlock(8, index));
  for (let index = 0; index < 30; index += 2) await mover.encode(name(`k${index}`), 0, exact, true);
  await get(client, "k0");
  const seen = new Map<string, string>();
  for (let cursor = "0", first = true; first || cursor !== "0"; first = false) {
    const [next, rows] = (await client.ask("KW.SCAN", cursor, "COUNT", 4)) as [string, string[][]];
    for (const [key, , , , , tier] of rows) {
      expect(seen.has(key)).toBe(false);
      seen.set(key, tier);
    }
    cursor = next;
  }
  expect(seen.size).toBe(30);
  expect([...seen.values()].filter((tier) => tier === "coded")).toHaveLength(14);
  expect(JSON.stringify(await client.ask("KW.SCAN", "coded:x"))).toMatch(/ERR usage/);
});
