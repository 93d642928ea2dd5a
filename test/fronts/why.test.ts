import { expect, test } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { RamStore } from "../../src/tiers/ram-store.ts";
import { DepartureLog } from "../../src/tiers/departure-log.ts";
import { FakeLowerTier } from "../support/fake-lower-tier.ts";
import { startFront } from "../support/front.ts";

test("KW.WHY tells where keys are, and when and why others left", async () => {
  const clock = new FakeClock();
  const began = clock.now();
  const front = await startFront({}, { maxBlocks: 2, graceMs: 0, clock });
  front.ram.departures = new DepartureLog({ clock });
  const client = await front.client();
  await client.ask("SET", "old", "v");
  await client.ask("SET", "gone", "v");
  clock.advance(4000);
  await client.ask("SET", "new", "v");
  await client.ask("DEL", "gone");
  await client.ask("SET", "short", "v", "PX", 10);
  clock.advance(1000);
  await client.ask("RPUSH", "list", "x");
  expect(await client.ask("KW.WHY", "new", "old", "gone", "short", "list", "never")).toEqual([
    ["present", "ram"],
    ["left", "ram", "evicted", began + 4000, 4000],
    ["left", "ram", "removed", began + 4000, 4000],
    ["left", "ram", "expired", began + 5000, 1000],
    ["present", "list"],
    ["unknown", began],
  ]);
  clock.advance(1000);
  await client.ask("FLUSHDB");
  expect(await client.ask("KW.WHY", "new", "old")).toEqual([
    ["cleared", began + 6000],
    ["left", "ram", "evicted", began + 4000, 4000],
  ]);
  await client.ask("SELECT", 1);
  expect(await client.ask("KW.WHY", "old")).toEqual([["unknown", began]]);
});

test("KW.WHY knows the tier below, and does not read or renew anything", async () => {
  const lower = new FakeLowerTier();
  const front = await startFront({}, { maxBlocks: 1, graceMs: 0 }, { lower });
  front.ram.departures = new DepartureLog();
  const client = await front.client();
  await client.ask("SET", "a", "v");
  await client.ask("SET", "b", "v");
  expect(await client.ask("KW.WHY", "a", "b")).toEqual([
    ["present", "fake"],
    ["present", "ram", "fake"],
  ]);
  expect(front.server.state.hits + front.server.state.misses + lower.touched).toBe(0);
});

test("KW.WHY tells what clients removed below RAM, and what left RAM for below and is gone", async () => {
  const lower = new FakeLowerTier();
  const front = await startFront({}, { maxBlocks: 1, graceMs: 0 }, { lower });
  front.ram.departures = new DepartureLog();
  const client = await front.client();
  for (const key of ["deleted", "lost", "pairmetadata", "pairkv_bytes", "last"])
    await client.ask("SET", key, "v");
  expect(await client.ask("DEL", "deleted", "pairkv_bytes")).toBe(2);
  lower.remove(lower.find(Buffer.from("lost"), 0, 4, 0));
  const told = (await client.ask(
    "KW.WHY",
    "deleted",
    "lost",
    "pairmetadata",
    "pairkv_bytes",
    "last",
  )) as unknown[][];
  expect(told.map((words) => words.slice(0, 3))).toEqual([
    ["left", "fake", "removed"],
    ["left", "ram", "demoted"],
    ["left", "fake", "removed"],
    ["left", "fake", "removed"],
    ["present", "ram", "fake"],
  ]);
});

test("without a log KW.WHY only knows what is there", async () => {
  const clock = new FakeClock();
  const client = await (await startFront({}, { clock })).client();
  await client.ask("SET", "a", "v");
  await client.ask("DEL", "a");
  expect(await client.ask("KW.WHY", "a")).toEqual([["unknown", clock.now()]]);
});

test("KW.WHY and KW.WHERE ask other machines for what is nowhere here, and say when they do not answer", async () => {
  const there = new RamStore({ capacityBytes: 1024 ** 2 });
  await there.put([{ key: "theirs", value: Buffer.from("v") }]);
  let silent = false;
  const asked: number[] = [];
  const store = new Proxy(there, {
    get: (target, name) => {
      if (name === "name") return "far";
      if (name !== "has") return target[name as keyof RamStore] as unknown;
      return (keys: readonly Uint8Array[]) => {
        asked.push(keys.length);
        return silent ? new Promise(() => {}) : target.has(keys);
      };
    },
  });
  const front = await startFront({ limits: { tierWaitMs: 50 } }, {}, { remotes: [store] });
  const client = await front.client();
  await client.ask("SET", "mine", "v");
  expect(await client.ask("KW.WHERE", "theirs", "mine", "none")).toEqual([["far"], ["ram"], []]);
  front.ram.departures = new DepartureLog();
  const since = front.ram.departures.since;
  expect(await client.ask("KW.WHY", "theirs", "mine", "none", "other")).toEqual([
    ["present", "far"],
    ["present", "ram"],
    ["unknown", since],
    ["unknown", since],
  ]);
  expect(front.ram.entries.count).toBe(1);
  expect(asked).toEqual([2, 3]);
  silent = true;
  expect(await client.ask("KW.WHY", "late", "mine")).toEqual([
    ["unknown", since, "unanswered"],
    ["present", "ram"],
  ]);
});
