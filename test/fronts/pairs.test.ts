import { expect, test } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { startFront } from "../support/front.ts";

// LMCache's connectors keep a chunk under two keys. One without the other is worth nothing.

const forms: [form: string, name: (half: string) => string][] = [
  ["redis", (half) => `vllm@model@1@0@abc@bf16${half}`],
  ["valkey", (half) => `vllm@model@1@0@abc@bf16:${half}`],
  ["valkey cluster", (half) => `{vllm@model@1@0@abc@bf16}:${half}`],
];

test.each(forms)("DEL of either half takes the other along (%s)", async (_form, name) => {
  const client = await (await startFront()).client();
  const [body, metadata] = [name("kv_bytes"), name("metadata")];
  for (const half of [body, metadata]) {
    await client.ask("MSET", body, "b", metadata, "m", "other", "o");
    expect(await client.ask("DEL", half)).toBe(1);
    expect(await client.ask("EXISTS", body, metadata, "other")).toBe(1);
  }
});

test("DEL counts each key that was there, halves of pairs too", async () => {
  const client = await (await startFront()).client();
  const set = (): Promise<unknown> =>
    client.ask("MSET", "akv_bytes", "1", "ametadata", "2", "bkv_bytes", "3", "bmetadata", "4");
  await set();
  expect(await client.ask("DEL", "akv_bytes", "ametadata")).toBe(2);
  expect(await client.ask("DEL", "ametadata", "akv_bytes", "bmetadata", "bmetadata")).toBe(1);
  expect(await client.ask("DBSIZE")).toBe(0);
  await set();
  expect(await client.ask("UNLINK", "bmetadata", "akv_bytes", "none")).toBe(2);
  expect(await client.ask("DBSIZE")).toBe(0);
});

test("a list by the name of a half is nobody's partner", async () => {
  const client = await (await startFront()).client();
  await client.ask("SET", "akv_bytes", "1");
  await client.ask("RPUSH", "ametadata", "x");
  expect(await client.ask("DEL", "akv_bytes")).toBe(1);
  expect(await client.ask("EXISTS", "ametadata")).toBe(1);
});

test("halves in different databases do not belong together", async () => {
  const client = await (await startFront()).client();
  await client.ask("SET", "akv_bytes", "1");
  await client.ask("SELECT", 1);
  await client.ask("SET", "ametadata", "2");
  expect(await client.ask("DEL", "ametadata")).toBe(1);
  await client.ask("SELECT", 0);
  expect(await client.ask("EXISTS", "akv_bytes")).toBe(1);
});

test("eviction takes pairs whole", async () => {
  const front = await startFront({}, { maxBlocks: 10, graceMs: 0 });
  const client = await front.client();
  for (let i = 0; i < 40; i++) {
    await client.ask("SET", `${i}kv_bytes`, "b");
    await client.ask("SET", `${i}metadata`, "m");
    for (let j = 0; j <= i; j++) {
      const halves = await client.ask("MGET", `${j}kv_bytes`, `${j}metadata`);
      expect([
        ["b", "m"],
        [null, null],
      ]).toContainEqual(halves);
    }
  }
  expect(await client.ask("DBSIZE")).toBe(10);
  expect(await client.ask("CONFIG", "SET", "ram-max-blocks", 5)).toBe("OK");
  expect(await client.ask("DBSIZE")).toBe(4);
  expect(front.ram.counters.evicted).toBe(80 - 4);
});

test("a half that was reported present protects the other from eviction too", async () => {
  const clock = new FakeClock();
  const front = await startFront({}, { maxBlocks: 4, graceMs: 1000, clock });
  const client = await front.client();
  await client.ask("MSET", "akv_bytes", "1", "ametadata", "2");
  await client.ask("EXISTS", "ametadata");
  for (let i = 0; i < 10; i++) await client.ask("SET", `x${i}`, "v");
  expect(await client.ask("EXISTS", "akv_bytes", "ametadata")).toBe(2);
  clock.advance(2000);
  for (let i = 0; i < 10; i++) await client.ask("SET", `y${i}`, "v");
  expect(await client.ask("EXISTS", "akv_bytes", "ametadata")).toBe(0);
});

test("when one half expires, the other goes with it", async () => {
  const clock = new FakeClock();
  const client = await (await startFront({}, { clock })).client();
  await client.ask("SET", "akv_bytes", "1", "PX", 500);
  await client.ask("SET", "ametadata", "2", "PX", 1000);
  clock.advance(500);
  expect(await client.ask("GET", "akv_bytes")).toBe(null);
  expect(await client.ask("EXISTS", "ametadata")).toBe(0);
});

test("overwriting one half leaves the pair a pair", async () => {
  const client = await (await startFront()).client();
  await client.ask("MSET", "akv_bytes", "1", "ametadata", "2");
  await client.ask("SET", "akv_bytes", Buffer.alloc(100_000));
  expect(await client.ask("GET", "ametadata")).toBe("2");
  expect(await client.ask("DEL", "ametadata")).toBe(1);
  expect(await client.ask("EXISTS", "akv_bytes")).toBe(0);
});

test("a half that is renamed leaves no other half behind", async () => {
  const client = await (await startFront()).client();
  await client.ask("MSET", "akv_bytes", "1", "ametadata", "2");
  expect(await client.ask("RENAME", "akv_bytes", "b")).toBe("OK");
  expect(await client.ask("KEYS", "*")).toEqual(["b"]);
});
