import { expect, test } from "vitest";
import type { RespServerOptions } from "../../src/fronts/resp/options.ts";
import { FakeLowerTier, type FakeLowerTierOptions } from "../support/fake-lower-tier.ts";
import { startFront } from "../support/front.ts";

const PAIR = ["m@1@0@abc@bf16kv_bytes", "m@1@0@abc@bf16metadata"] as const;

async function start(setup: FakeLowerTierOptions = {}, options: Partial<RespServerOptions> = {}) {
  const lower = new FakeLowerTier(setup);
  const front = await startFront(options, { graceMs: 0 }, { lower, prefetchBytes: 0 });
  return { front, lower, client: await front.client() };
}

test("KW.WARM brings values up and counts what is in RAM then", async () => {
  const { lower, client } = await start();
  lower.put("a", "alpha");
  lower.put("b", "beta");
  await client.ask("SET", "c", "gamma");
  expect(await client.ask("KW.WHERE", "a", "b", "c", "none")).toEqual([
    ["fake"],
    ["fake"],
    ["ram", "fake"],
    [],
  ]);
  expect(await client.ask("KW.WARM", "a", "none", "c")).toBe(2);
  expect(lower.readsBegun).toBe(1);
  expect(await client.ask("KW.WHERE", "a", "b")).toEqual([["ram", "fake"], ["fake"]]);
  lower.broken = true;
  expect(await client.ask("KW.WARM", "a", "b")).toBe(1);
});

test("KW.DEMOTE lets leave RAM what is below, and nothing else", async () => {
  const { front, lower, client } = await start({ holdWrites: true });
  await client.ask("SET", "a", "alpha");
  expect(await client.ask("KW.DEMOTE", "a")).toBe(0);
  lower.finishWrites();
  expect(await client.ask("KW.DEMOTE", "a", "a", "none")).toBe(1);
  expect(await client.ask("KW.WHERE", "a")).toEqual([["fake"]]);
  expect(front.ram.counters.evicted).toBe(0);
  expect(await client.ask("GET", "a")).toBe("alpha");
  expect(await client.ask("KW.WHERE", "a")).toEqual([["ram", "fake"]]);
  expect(lower.value("a")!.toString()).toBe("alpha");
});

test("both halves of a pair leave RAM, when both are below", async () => {
  const { lower, client } = await start({ holdWrites: true });
  await client.ask("SET", PAIR[0], "kv");
  lower.finishWrites();
  await client.ask("SET", PAIR[1], "meta");
  expect(await client.ask("KW.DEMOTE", PAIR[0])).toBe(0);
  lower.finishWrites();
  expect(await client.ask("KW.DEMOTE", ...PAIR)).toBe(2);
  expect(await client.ask("KW.WHERE", ...PAIR)).toEqual([["fake"], ["fake"]]);
  expect(await client.ask("MGET", ...PAIR)).toEqual(["kv", "meta"]);
});

test("KW.PIN pins a key in every tier, with the other half of its pair", async () => {
  const { lower, client } = await start();
  lower.put("below", "1");
  await client.ask("MSET", "both", "2", PAIR[0], "kv", PAIR[1], "meta");
  expect(await client.ask("KW.PIN", "below", "both", PAIR[0], "none")).toBe(3);
  expect(await client.ask("KW.WHERE", "below", "both", ...PAIR)).toEqual([
    ["fake", "pinned"],
    ["ram", "fake", "pinned"],
    ["ram", "fake", "pinned"],
    ["ram", "fake", "pinned"],
  ]);
  expect(await client.ask("KW.DEMOTE", "both")).toBe(1);
  expect(await client.ask("KW.WHERE", "both")).toEqual([["fake", "pinned"]]);
  expect(await client.ask("KW.WARM", "both")).toBe(1);
  expect(await client.ask("KW.WHERE", "both")).toEqual([["ram", "fake", "pinned"]]);
  expect(await client.ask("KW.UNPIN", "below", "both", ...PAIR)).toBe(4);
  expect(await client.ask("KW.WHERE", "below", "both", PAIR[1])).toEqual([
    ["fake"],
    ["ram", "fake"],
    ["ram", "fake"],
  ]);
});

test("a pinned key that is replaced stays pinned", async () => {
  const { lower, client } = await start();
  await client.ask("SET", "a", "1");
  await client.ask("KW.PIN", "a");
  await client.ask("SET", "a", "2");
  const row = (): number => lower.find(Buffer.from("a"), 0, 1, 0);
  expect(lower.isPinned(row())).toBe(true);
  await client.ask("KW.DEMOTE", "a");
  await client.ask("SET", "a", "3");
  expect(await client.ask("KW.WHERE", "a")).toEqual([["ram", "fake", "pinned"]]);
});

test("without a tier below RAM nothing is demoted, and pins hold in RAM", async () => {
  const client = await (await startFront({}, { maxBlocks: 2, graceMs: 0 })).client();
  await client.ask("SET", "a", "1");
  expect(await client.ask("KW.DEMOTE", "a")).toBe(0);
  expect(await client.ask("KW.WARM", "a", "b")).toBe(1);
  expect(await client.ask("KW.PIN", "a", "b")).toBe(1);
  for (let i = 0; i < 10; i++) await client.ask("SET", `x${i}`, "v");
  expect(await client.ask("KW.WHERE", "a", "b")).toEqual([["ram", "pinned"], []]);
  expect(await client.ask("KW.UNPIN", "a")).toBe(1);
  for (let i = 0; i < 10; i++) await client.ask("SET", `x${i}`, "v");
  expect(await client.ask("EXISTS", "a")).toBe(0);
});

test("pinned values fill RAM no further than the tier below lets them leave", async () => {
  const lower = new FakeLowerTier();
  const front = await startFront({}, { maxBlocks: 3, graceMs: 0 }, { lower, prefetchBytes: 0 });
  const client = await front.client();
  for (let i = 0; i < 10; i++) {
    await client.ask("SET", `k${i}`, "v");
    expect(await client.ask("KW.PIN", `k${i}`)).toBe(1);
  }
  for (let i = 0; i < 10; i++) expect(await client.ask("GET", `k${i}`)).toBe("v");
  expect(front.ram.entries.count).toBe(3);
  expect(front.ram.counters.rejected).toBe(0);
});

test("users who may only read may warm, but not demote, pin or unpin; others only their keys", async () => {
  const { client } = await start(
    {},
    {
      password: "pw",
      users: [
        { name: "viewer", access: "ro", keys: ["*"], password: "viewer" },
        { name: "team", access: "rw", keys: ["team:*"], password: "team" },
      ],
    },
  );
  await client.ask("AUTH", "viewer", "viewer");
  expect(await client.ask("KW.WARM", "a")).toBe(0);
  expect(await client.ask("KW.WHERE", "a")).toEqual([[]]);
  for (const name of ["KW.DEMOTE", "KW.PIN", "KW.UNPIN"])
    expect(await client.refusal(name, "a")).toMatch(/^NOPERM User viewer is read-only/);
  await client.ask("AUTH", "team", "team");
  expect(await client.ask("KW.PIN", "team:a")).toBe(0);
  for (const name of ["KW.WARM", "KW.DEMOTE", "KW.PIN", "KW.UNPIN", "KW.WHERE"])
    expect(await client.refusal(name, "team:a", "b")).toMatch(/^NOPERM No permissions/);
});

test.each(["selective", "back"] as const)(
  "a pin outlives a value that goes down later: %s",
  async (writeMode) => {
    const lower = new FakeLowerTier();
    const front = await startFront({}, { graceMs: 0 }, { lower, prefetchBytes: 0, writeMode });
    const client = await front.client();
    lower.put("a", "1");
    await client.ask("KW.PIN", "a");
    await client.ask("SET", "a", "2");
    expect(await client.ask("KW.WHERE", "a")).toEqual([["ram", "pinned"]]);
    if (writeMode === "selective") await client.ask("GET", "a");
    else await front.server.state.tiers.settled();
    expect(await client.ask("KW.WHERE", "a")).toEqual([["ram", "fake", "pinned"]]);
    expect(lower.isPinned(lower.find(Buffer.from("a"), 0, 1, 0))).toBe(true);
  },
);
