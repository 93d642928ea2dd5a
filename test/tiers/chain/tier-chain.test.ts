import { describe, expect, test } from "vitest";
import type { AsideStore } from "../../../src/tiers/chain/aside-store.ts";
import type { LowerTier } from "../../../src/tiers/chain/lower-tier.ts";
import { TierChain, type TierChainOptions } from "../../../src/tiers/chain/tier-chain.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";
import { FakeLowerTier, type FakeLowerTierOptions } from "../../support/fake-lower-tier.ts";

const PAIR = ["fmt@m@1@0@abc@bf16kv_bytes", "fmt@m@1@0@abc@bf16metadata"] as const;

interface Tiers {
  readonly ram: RamTier;
  readonly lower: FakeLowerTier;
  readonly chain: TierChain;
  readonly put: (key: string, value: string, expiresAt?: number) => void;
  readonly find: (key: string) => number;
  /** Brings values up; resolves to what RAM has then. */
  readonly bring: (...keys: string[]) => Promise<(string | undefined)[]>;
}

function tiers(
  options: FakeLowerTierOptions & Partial<Omit<TierChainOptions, "lower">> = {},
): Tiers {
  const ram = new RamTier({ capacityBytes: 4 * 1024 ** 2 });
  const lower = new FakeLowerTier(options);
  const chain = new TierChain({ ...options, ram, lower });
  const find = (key: string): number => chain.find(Buffer.from(key), 0, key.length, 0);
  return {
    ram,
    lower,
    chain,
    find,
    put: (key, value, expiresAt = 0) => {
      const slot = ram.reserve(value.length, key.length);
      ram.slots.value(slot).write(value);
      ram.publish(slot, Buffer.from(key), 0, key.length, 0, expiresAt);
    },
    bring: async (...keys) => {
      await new Promise<void>((resolve) => {
        const bringing = chain.newBringing(() => {
          bringing.release();
          resolve();
        });
        for (const key of keys) chain.bring(Buffer.from(key), 0, key.length, 0, bringing);
        if (bringing.pending === 0) resolve();
      });
      return keys.map((key) => {
        const entry = ram.find(Buffer.from(key), 0, key.length, 0);
        return entry === 0 ? undefined : ram.slots.value(ram.entries.slot(entry)).toString();
      });
    },
  };
}

test("places say where a key is", async () => {
  const { lower, chain, find, put, bring } = tiers();
  put("both", "1");
  lower.put("below", "22");
  expect(find("both")).toBeGreaterThan(0);
  expect(find("below")).toBeLessThan(0);
  expect(find("none") === 0).toBe(true);
  expect(chain.tierOf(find("both"))).toBe("ram");
  expect(chain.tierOf(find("below"))).toBe("fake");
  expect(chain.length(find("below"))).toBe(2);
  expect(chain.key(find("below")).toString()).toBe("below");
  expect([chain.count, chain.countOf(0), chain.countOf(1)]).toEqual([2, 2, 0]);
  expect(await bring("both", "below", "none")).toEqual(["1", "22", undefined]);
  expect(find("below")).toBeGreaterThan(0);
  expect(chain.count).toBe(2);
});

test("pins and expiries go along when a value comes up", async () => {
  const { ram, lower, chain, find, bring } = tiers();
  const at = Date.now() + 100_000;
  lower.put("k", "v", 0, at);
  chain.setPinned(find("k"), true);
  await bring("k");
  expect(ram.pinned).toBe(1);
  expect(chain.isPinned(find("k"))).toBe(true);
  expect(chain.expiresAt(find("k"))).toBe(at);
  chain.setExpiry(find("k"), at + 1);
  expect(lower.expiresAt(lower.find(Buffer.from("k"), 0, 1, 0))).toBe(at + 1);
});

describe("a pair", () => {
  test.each([
    ["in RAM and below", PAIR[0], PAIR[1]],
    ["below and in RAM", PAIR[1], PAIR[0]],
  ])("%s goes together", (_, removed, other) => {
    for (const isBelow of [true, false]) {
      const { ram, lower, chain, find, put } = tiers();
      lower.full = true;
      put(isBelow ? other : removed, "in RAM");
      lower.put(isBelow ? removed : other, "below");
      chain.remove(find(removed));
      expect([ram.entries.count, lower.count]).toEqual([0, 0]);
    }
  });
});

test("a read that throws is a value that does not come", async () => {
  const { lower, chain, bring } = tiers();
  lower.put("k", "v");
  (lower as LowerTier).read = async () => Promise.reject(new Error("broken"));
  expect(await bring("k")).toEqual([undefined]);
  expect(chain.lowerStats()?.failedReads).toBe(1);
});

test("a value that is replaced below while it is read is read again for those who ask later", async () => {
  const { ram, lower, chain, bring } = tiers({ holdReads: true });
  lower.put("k", "old");
  const early = bring("k");
  lower.put("k", "new");
  const late = bring("k");
  expect(lower.readsBegun).toBe(2);
  lower.finishReads();
  await early;
  expect(await late).toEqual(["new"]);
  expect(chain.lowerStats()?.promoted).toBe(1);
  expect(ram.fillingBytes).toBe(0);
});

test("a value that is removed while it is read does not come back", async () => {
  const { ram, lower, chain, find, bring } = tiers({ holdReads: true });
  lower.put("k", "v");
  const brought = bring("k");
  chain.remove(find("k"));
  lower.put("another", "w");
  lower.finishReads();
  expect(await brought).toEqual([undefined]);
  expect(ram.entries.count).toBe(0);
  expect(ram.slots.count).toBe(0);
});

test("reading ahead stops at its limit, and what is asked for goes on", async () => {
  const { lower, chain, find, bring } = tiers({ holdReads: true, prefetchBytes: 20 });
  for (const key of ["a", "b", "c"]) lower.put(key, "0123456789");
  chain.prefetch([find("a"), find("none"), find("b"), find("b"), find("c")]);
  expect(lower.readsBegun).toBe(2);
  const brought = bring("c", "a");
  expect(lower.readsBegun).toBe(3);
  lower.finishReads();
  expect(await brought).toEqual(["0123456789", "0123456789"]);
  expect(chain.lowerStats()).toMatchObject({ prefetched: 2, promoted: 3, promotedBytes: 30 });
});

test("everybody who wants to know hears of room below", () => {
  const { lower, chain } = tiers();
  const heard: number[] = [];
  chain.onRoomBelow(() => heard.push(1));
  chain.onRoomBelow(() => heard.push(2));
  lower.full = true;
  expect(chain.hasRoomBelow(1)).toBe(false);
  lower.makeRoom();
  expect(chain.hasRoomBelow(1)).toBe(true);
  expect(heard).toEqual([1, 2]);
});

test("without a tier below, the chain is RAM", async () => {
  const ram = new RamTier({ capacityBytes: 1024 ** 2 });
  const chain = new TierChain({ ram });
  expect(ram.observer).toBeUndefined();
  expect(chain.hasRoomBelow(Infinity)).toBe(true);
  expect(chain.lowerStats()).toBeUndefined();
  expect(await chain.settled()).toBe("durable");
  chain.prefetch([1, 2]);
  chain.countMiss();
  expect(ram.counters.misses).toBe(1);
});

describe("with a store aside", () => {
  class Aside extends RamStore implements AsideStore {
    forget(key: Uint8Array, keyspace: number): void {
      const entry = this.tier.find(key, 0, key.length, keyspace);
      if (entry !== 0) this.tier.remove(entry);
    }

    clear(keyspace?: number): void {
      this.tier.clear(keyspace);
    }
  }

  async function withAside(): Promise<Tiers & { aside: Aside }> {
    const aside = new Aside({ capacityBytes: 1024 ** 2 });
    await aside.put([{ key: "k", value: Buffer.from("aside") }]);
    return { ...tiers({ aside }), aside };
  }

  test("what no tier has comes from there, and stays there as well", async () => {
    const { bring, aside } = await withAside();
    expect(await bring("k", "none")).toEqual(["aside", undefined]);
    expect(await aside.has(["k"])).toEqual([true]);
  });

  test("a newer value, a removal and clearing end what is there", async () => {
    const newer = await withAside();
    newer.put("k", "newer");
    expect(await newer.aside.has(["k"])).toEqual([false]);
    expect(await newer.bring("k")).toEqual(["newer"]);

    const removed = await withAside();
    removed.chain.removeRemote(Buffer.from("k"), 0, 1, 0);
    expect(await removed.bring("k")).toEqual([undefined]);

    const brought = await withAside();
    await brought.bring("k");
    brought.chain.remove(brought.find("k"));
    expect(await brought.bring("k")).toEqual([undefined]);

    const cleared = await withAside();
    cleared.chain.clear();
    expect(await cleared.bring("k")).toEqual([undefined]);
  });
});
