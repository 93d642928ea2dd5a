import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { ENTRY_ROW_BYTES } from "../../../src/tiers/ram/entry-table.ts";
import { NO_ROOM, RamTier, TOO_LARGE } from "../../../src/tiers/ram/ram-tier.ts";
import { SLOT_ROW_BYTES, SlotTable } from "../../../src/tiers/ram/slot-table.ts";

const MIB = 1024 ** 2;

function put(tier: RamTier, name: string, value: Buffer, expiresAt = 0): number {
  const key = Buffer.from(name);
  const slot = tier.reserve(value.length, key.length);
  if (slot === TOO_LARGE || slot === NO_ROOM) return slot;
  value.copy(tier.slots.value(slot));
  return tier.publish(slot, key, 0, key.length, 0, expiresAt);
}

function find(tier: RamTier, name: string): number {
  const key = Buffer.from(name);
  return tier.find(key, 0, key.length, 0);
}

function valueOf(tier: RamTier, name: string): Buffer | undefined {
  const entry = find(tier, name);
  return entry === 0 ? undefined : tier.slots.value(tier.entries.slot(entry));
}

describe("memory", () => {
  test("holds what a model holds, byte for byte, within its limit, whatever is done", () => {
    const names = fc.integer({ min: 0, max: 40 }).map((number) => `key-${number}`);
    const lengths = fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 16_000, max: 200_000 }),
    );
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ put: names, length: lengths, ttl: fc.nat(3000) }) },
      { weight: 3, arbitrary: fc.record({ read: names }) },
      { weight: 1, arbitrary: fc.record({ remove: names }) },
      { weight: 1, arbitrary: fc.record({ hold: names }) },
      { weight: 1, arbitrary: fc.record({ letGo: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ start: lengths }) },
      { weight: 1, arbitrary: fc.record({ cancel: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ pass: fc.nat(2000) }) },
      { weight: 1, arbitrary: fc.record({ resize: fc.integer({ min: MIB, max: 2 * MIB }) }) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 150 }),
        fc.constantFrom("lru" as const, "s3fifo" as const),
        (steps, policy) => {
          const clock = new FakeClock();
          const tier = new RamTier({ capacityBytes: 2 * MIB, policy, clock, seed: 7 });
          const model = new Map<string, { value: Buffer; expiresAt: number }>();
          const held: { slot: number; value: Buffer }[] = [];
          const filling: number[] = [];
          let fill = 0;
          for (const action of steps) {
            if ("put" in action) {
              const value = Buffer.alloc(action.length, ++fill);
              const expiresAt = action.ttl > 2000 ? clock.now() + action.ttl : 0;
              if (put(tier, action.put, value, expiresAt) > 0)
                model.set(action.put, { value, expiresAt });
            } else if ("read" in action) {
              const entry = find(tier, action.read);
              const expected = model.get(action.read);
              if (entry !== 0) {
                expect(expected).toBeDefined();
                expect(expected!.expiresAt === 0 || expected!.expiresAt > clock.now()).toBe(true);
                expect(valueOf(tier, action.read)!.equals(expected!.value)).toBe(true);
                tier.read(entry);
              }
            } else if ("remove" in action) {
              const entry = find(tier, action.remove);
              if (entry !== 0) tier.remove(entry);
              model.delete(action.remove);
              expect(find(tier, action.remove)).toBe(0);
            } else if ("hold" in action) {
              const entry = find(tier, action.hold);
              if (entry !== 0) {
                const slot = tier.entries.slot(entry);
                tier.slots.retain(slot);
                held.push({ slot, value: Buffer.from(tier.slots.value(slot)) });
              }
            } else if ("letGo" in action) {
              const [last] = held.splice(action.letGo % Math.max(1, held.length), 1);
              if (last !== undefined) tier.slots.release(last.slot);
            } else if ("start" in action) {
              const slot = tier.reserve(action.start, 10);
              if (slot > 0) filling.push(slot);
            } else if ("cancel" in action) {
              const [slot] = filling.splice(action.cancel % Math.max(1, filling.length), 1);
              if (slot !== undefined) tier.cancel(slot);
            } else if ("pass" in action) {
              clock.advance(action.pass);
              tier.sweep(1000);
            } else tier.setCapacity(action.resize);

            if (!("resize" in action) && held.length === 0)
              expect(tier.usedBytes).toBeLessThanOrEqual(2 * MIB);
            for (const { slot, value } of held)
              expect(tier.slots.value(slot).equals(value)).toBe(true);
          }
          for (const { slot } of held) tier.slots.release(slot);
          for (const slot of filling) tier.cancel(slot);
          for (let entry = 1; entry < tier.entries.end; entry++)
            if (tier.entries.isPresent(entry)) {
              const key = String(tier.slots.key(tier.entries.slot(entry)));
              expect(find(tier, key) === entry || model.get(key)!.expiresAt <= clock.now()).toBe(
                true,
              );
            }
          tier.clear();
          expect(tier.usedBytes).toBe(0);
          expect(tier.fillingBytes).toBe(0);
          expect(tier.valueBytes).toBe(0);
          expect(tier.expiring).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("is accounted for to the byte", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB });
    put(tier, "large", Buffer.alloc(100_000));
    const pages = Math.ceil(SlotTable.bytesFor(100_000, 5) / 4096) * 4096;
    expect(tier.usedBytes).toBe(pages + SLOT_ROW_BYTES + ENTRY_ROW_BYTES);
    put(tier, "small", Buffer.alloc(100));
    // The first small value takes a run of 64 KiB for its size.
    expect(tier.usedBytes).toBe(pages + 65_536 + 2 * (SLOT_ROW_BYTES + ENTRY_ROW_BYTES));
    put(tier, "small too", Buffer.alloc(100));
    expect(tier.usedBytes).toBe(pages + 65_536 + 3 * (SLOT_ROW_BYTES + ENTRY_ROW_BYTES));
    expect(tier.valueBytes).toBe(100_200);
  });

  test("is full when it is full: evicts, and goes on", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB });
    for (let index = 0; index < 1000; index++)
      expect(put(tier, `key-${index}`, Buffer.alloc(64 * 1024))).toBeGreaterThan(0);
    expect(tier.usedBytes).toBeLessThanOrEqual(8 * MIB);
    expect(tier.entries.count).toBe(
      Math.floor((8 * MIB) / (17 * 4096 + SLOT_ROW_BYTES + ENTRY_ROW_BYTES)),
    );
    expect(find(tier, "key-999")).not.toBe(0);
    expect(find(tier, "key-0")).toBe(0);
    expect(tier.counters.evicted).toBe(1000 - tier.entries.count);
  });

  test("finds room for a large value among small ones, by evicting", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB });
    for (let index = 0; index < 5000; index++) put(tier, `small-${index}`, Buffer.alloc(2000));
    expect(put(tier, "large", Buffer.alloc(3 * MIB))).toBeGreaterThan(0);
    expect(tier.usedBytes).toBeLessThanOrEqual(8 * MIB);
  });

  test("stays well filled while sizes differ", () => {
    const tier = new RamTier({ capacityBytes: 64 * MIB, seed: 1 });
    let seed = 1;
    let filled = 0;
    const rounds = 3000;
    for (let round = 0; round < rounds; round++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      const length = Math.floor(1024 * 1024 ** ((seed % 1000) / 1000));
      expect(put(tier, `key-${round}`, Buffer.allocUnsafe(length))).toBeGreaterThan(0);
      if (round >= rounds / 2) filled += tier.valueBytes / tier.capacityBytes;
    }
    expect(filled / (rounds / 2)).toBeGreaterThan(0.8);
  });

  test("refuses for ever what is more than half of it", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB });
    put(tier, "here", Buffer.alloc(1000));
    expect(tier.reserve(5 * MIB, 3)).toBe(TOO_LARGE);
    expect(find(tier, "here")).not.toBe(0);
  });

  test("lets values on their way in take half of it, and no more", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB });
    put(tier, "here", Buffer.alloc(1000));
    const slots = [1, 2, 3].map(() => tier.reserve(MIB, 3));
    expect(slots.every((slot) => slot > 0)).toBe(true);
    expect(tier.reserve(MIB, 3)).toBe(NO_ROOM);
    expect(find(tier, "here")).not.toBe(0);
    tier.cancel(slots[0]);
    expect(tier.reserve(MIB, 3)).toBeGreaterThan(0);
  });

  test("can be made smaller and larger while in use", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB });
    for (let index = 0; index < 100; index++) put(tier, `key-${index}`, Buffer.alloc(64 * 1024));
    expect(tier.setCapacity(2 * MIB)).toBe(true);
    expect(tier.usedBytes).toBeLessThanOrEqual(2 * MIB);
    tier.setCapacity(100 * MIB);
    expect(tier.capacityBytes).toBe(8 * MIB);
  });
});

describe("eviction", () => {
  test("spares what was just reported present, until it is read or the grace is over", () => {
    const clock = new FakeClock();
    const tier = new RamTier({ capacityBytes: 8 * MIB, maxBlocks: 3, graceMs: 2000, clock });
    for (const name of ["a", "b", "c"]) put(tier, name, Buffer.from(name));
    for (const name of ["a", "b"]) tier.protect(find(tier, name));
    put(tier, "d", Buffer.from("d"));
    expect(find(tier, "c")).toBe(0);
    put(tier, "e", Buffer.from("e"));
    expect(find(tier, "d")).toBe(0);
    tier.read(find(tier, "a"));
    tier.touch(find(tier, "e"));
    put(tier, "f", Buffer.from("f"));
    expect(find(tier, "a")).toBe(0);
    expect(find(tier, "b")).not.toBe(0);
    clock.advance(2200);
    put(tier, "g", Buffer.from("g"));
    put(tier, "h", Buffer.from("h"));
    expect(find(tier, "b")).toBe(0);
  });

  test("never takes what is pinned; with nothing else left, a put is turned down", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB, maxBlocks: 2 });
    for (const name of ["a", "b"]) tier.setPinned(put(tier, name, Buffer.from(name)), true);
    expect(put(tier, "c", Buffer.from("c"))).toBe(0);
    expect(tier.counters.rejected).toBe(1);
    expect(tier.fillingBytes).toBe(0);
    tier.setPinned(find(tier, "a"), false);
    expect(put(tier, "c", Buffer.from("c"))).toBeGreaterThan(0);
    expect(find(tier, "b")).not.toBe(0);
  });

  test("takes what is pinned when it is kept elsewhere too, but no pair of which one half is not", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB, maxBlocks: 3 });
    const kept = new Set<number>();
    tier.observer = {
      published: () => undefined,
      wasRead: () => undefined,
      forgotten: () => undefined,
      expiryChanged: () => undefined,
      isKept: (entry) => kept.has(entry),
    };
    const [kv, meta] = ["m@1@0@a@bf16kv_bytes", "m@1@0@a@bf16metadata"];
    for (const name of ["a", kv, meta])
      tier.setPinned(put(tier, name, Buffer.from(name)), name !== meta);
    kept.add(find(tier, kv));
    expect(put(tier, "b", Buffer.from("b"))).toBe(0);
    kept.add(find(tier, meta));
    expect(put(tier, "b", Buffer.from("b"))).toBeGreaterThan(0);
    expect(["a", kv, meta].map((name) => find(tier, name) !== 0)).toEqual([true, false, false]);
  });

  test("lets an entry leave with its pair on demand, which is neither eviction nor removal", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB });
    const gone: [number, string][] = [];
    tier.observer = {
      published: () => undefined,
      wasRead: () => undefined,
      forgotten: (entry, why) => gone.push([entry, why]),
      expiryChanged: () => undefined,
      isKept: () => true,
    };
    const [kv, meta] = ["m@1@0@a@bf16kv_bytes", "m@1@0@a@bf16metadata"];
    const entries = [kv, meta].map((name) => put(tier, name, Buffer.from(name)));
    tier.demote(entries[0]);
    expect(gone).toEqual(entries.map((entry) => [entry, "evicted"]));
    expect([find(tier, kv), find(tier, meta)]).toEqual([0, 0]);
    expect([tier.counters.evicted, tier.usedBytes]).toEqual([0, 0]);
  });

  test("keeps its promise to what is stored when the policy is changed", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB, maxBlocks: 3 });
    for (const name of ["a", "b", "c"]) put(tier, name, Buffer.from(name));
    tier.read(find(tier, "a"));
    tier.setPolicy("s3fifo");
    tier.setPolicy("lru");
    put(tier, "d", Buffer.from("d"));
    expect(find(tier, "b")).toBe(0);
    expect(find(tier, "a")).not.toBe(0);
  });
});

describe("pairs", () => {
  const stems = ["chunk", "chunk:", "{chunk}:", "model@1@0@ff@half"];

  test.each(stems)("%s: both halves go when one is evicted, expires or is removed", (stem) => {
    const clock = new FakeClock();
    const tier = new RamTier({ capacityBytes: 8 * MIB, maxBlocks: 3, clock });
    const body = `${stem}kv_bytes`;
    const meta = `${stem}metadata`;
    const both = (): boolean[] => [find(tier, body) !== 0, find(tier, meta) !== 0];
    const store = (expiresAt = 0): void => {
      put(tier, body, Buffer.alloc(100));
      put(tier, meta, Buffer.alloc(28), expiresAt);
    };
    store();
    put(tier, "x", Buffer.alloc(1));
    put(tier, "y", Buffer.alloc(1));
    expect(both()).toEqual([false, false]);
    tier.clear();
    store(clock.now() + 1000);
    clock.advance(1500);
    expect(find(tier, meta)).toBe(0);
    expect(both()).toEqual([false, false]);
    store();
    tier.remove(find(tier, body));
    expect(both()).toEqual([false, false]);
    expect(tier.entries.count).toBe(0);
  });

  test("reading one half renews the other", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB, maxBlocks: 3 });
    put(tier, "c kv_bytes", Buffer.alloc(100));
    put(tier, "c metadata", Buffer.alloc(28));
    put(tier, "x", Buffer.alloc(1));
    tier.read(find(tier, "c metadata"));
    put(tier, "y", Buffer.alloc(1));
    expect(find(tier, "c kv_bytes")).not.toBe(0);
    expect(find(tier, "x")).toBe(0);
  });

  test("a half whose other half is replaced stays paired", () => {
    const tier = new RamTier({ capacityBytes: 8 * MIB });
    put(tier, "c kv_bytes", Buffer.alloc(100));
    put(tier, "c metadata", Buffer.alloc(28));
    put(tier, "c kv_bytes", Buffer.alloc(50_000));
    tier.remove(find(tier, "c metadata"));
    expect(find(tier, "c kv_bytes")).toBe(0);
  });
});

test("expired entries are found by the sweep without being asked for", () => {
  const clock = new FakeClock();
  const tier = new RamTier({ capacityBytes: 8 * MIB, clock });
  for (let index = 0; index < 500; index++)
    put(tier, `key-${index}`, Buffer.alloc(10), index % 2 === 0 ? clock.now() + 1000 : 0);
  clock.advance(2000);
  let dropped = 0;
  for (let round = 0; round < 10; round++) dropped += tier.sweep(100);
  expect(dropped).toBe(250);
  expect(tier.entries.count).toBe(250);
  expect(tier.counters.expired).toBe(250);
});

test("entries come and go in a table that a Set agrees with", () => {
  const tier = new RamTier({ capacityBytes: 64 * MIB });
  const model = new Set<string>();
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
  for (let round = 0; round < 60_000; round++) {
    const name = `k${random(30_000)}`;
    if (random(3) > 0) {
      put(tier, name, Buffer.alloc(8));
      model.add(name);
    } else {
      const entry = find(tier, name);
      expect(entry !== 0).toBe(model.has(name));
      if (entry !== 0) tier.remove(entry);
      model.delete(name);
    }
  }
  expect(tier.entries.count).toBe(model.size);
  for (const name of model) expect(find(tier, name)).not.toBe(0);
});
