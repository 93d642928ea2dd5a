import { describe, expect, it, test } from "vitest";
import { TieredStore } from "../../src/store/tiered-store.ts";
import { describeBlockStore } from "../../src/testing/contract-suite.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { RamStore } from "../../src/tiers/ram-store.ts";

const MIB = 1024 ** 2;

for (const sizes of [[16], [4, 32]])
  describeBlockStore(`a chain of ${sizes.length}`, { describe, it }, async () => {
    const clock = new FakeClock();
    const tiers = sizes.map((size) => new RamStore({ capacityBytes: size * MIB, clock }));
    return { store: new TieredStore(tiers), advance: (ms) => clock.advance(ms) };
  });

function chain(): { near: RamStore; far: RamStore; store: TieredStore } {
  const near = new RamStore({ capacityBytes: 4 * MIB });
  const far = new RamStore({ capacityBytes: 16 * MIB });
  return { near, far, store: new TieredStore([near, far]) };
}

test("a block that only a farther tier has is found, and nearer the next time", async () => {
  const { near, far, store } = chain();
  await far.put([{ key: "k", value: Buffer.from("v") }]);
  const [block] = await store.get(["k"]);
  expect(Buffer.from(block!.bytes).toString()).toBe("v");
  block!.release();
  expect(await near.has(["k"])).toEqual([true]);
  expect(store.stats()).toMatchObject({ hits: 1, misses: 0, hitBytes: 1 });
});

test("a block that was brought nearer keeps its time", async () => {
  const clock = new FakeClock();
  const near = new RamStore({ capacityBytes: 4 * MIB, clock });
  const far = new RamStore({ capacityBytes: 4 * MIB, clock });
  await far.put([{ key: "k", value: Buffer.from("v"), ttlMs: 1000 }]);
  clock.advance(600);
  const [block] = await new TieredStore([near, far]).get(["k"]);
  expect(block?.ttlMs).toBe(400);
  block?.release();
  expect(await near.has(["k"])).toEqual([true]);
  clock.advance(401);
  expect(await near.has(["k"])).toEqual([false]);
});

const put = (tier: RamStore, keys: string[]) =>
  tier.put(keys.map((key) => ({ key, value: Buffer.from(key) })));

test("a chain that lies in turns in both tiers is one prefix hit", async () => {
  const { near, far, store } = chain();
  await put(near, ["c0", "c1", "c4"]);
  await put(far, ["c2", "c3", "c5", "c7"]);
  expect(await store.match(["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"])).toBe(6);
});

test("a block that is too large for the near tier is kept by the far one", async () => {
  const { near, store } = chain();
  const outcomes = await store.put([{ key: "k", value: Buffer.alloc(3 * MIB) }]);
  expect(outcomes).toEqual([{ status: "stored" }]);
  expect(await near.has(["k"])).toEqual([false]);
  expect(await store.has(["k"])).toEqual([true]);
});

test("a chain of no tiers is a mistake", () => {
  expect(() => new TieredStore([])).toThrow(TypeError);
});
