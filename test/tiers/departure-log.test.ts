import { expect, test } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { DepartureLog } from "../../src/tiers/departure-log.ts";
import { RamTier } from "../../src/tiers/ram/ram-tier.ts";

function make(entries: number) {
  const clock = new FakeClock();
  const log = new DepartureLog({ entries, clock });
  const note = (name: string, reason: "evicted" | "removed" = "evicted", keyspace = 0) => {
    const key = Buffer.from(`..${name}..`);
    log.record(key, 2, key.length - 2, keyspace, "ram", reason, 1500);
  };
  const find = (name: string, keyspace = 0) =>
    log.find(Buffer.from(name), 0, Buffer.byteLength(name), keyspace);
  return { clock, log, note, find };
}

test("the latest departure of a key is found, by keyspace", () => {
  const { clock, log, note, find } = make(8);
  expect(find("a")).toBeUndefined();
  note("a");
  const first = clock.now();
  clock.advance(5000);
  note("b");
  note("a", "removed", 3);
  expect(find("a")).toEqual({ tier: "ram", reason: "evicted", at: first, idleMs: 1000 });
  expect(find("a", 3)).toMatchObject({ reason: "removed", at: first + 5000 });
  note("a", "removed");
  expect(find("a")).toMatchObject({ reason: "removed", at: first + 5000 });
  expect(find("c")).toBeUndefined();
  expect(log.count).toBe(4);
});

test("the oldest are forgotten first, and it is known since when all are remembered", () => {
  const { clock, log, note, find } = make(8);
  const startedAt = log.since;
  const at: number[] = [];
  for (let n = 0; n < 1000; n++) {
    clock.advance(10);
    at.push(clock.now());
    note(`k${n}`);
    if (n === 7) expect(log.since).toBe(startedAt);
  }
  for (let n = 0; n < 1000; n++) expect(find(`k${n}`)?.at).toBe(n < 992 ? undefined : at[n]);
  expect(log.since).toBe(at[992]);
});

test("what one bucket holds is found behind each other", () => {
  const { note, find } = make(1);
  note("a");
  expect(find("a")).toBeDefined();
  note("b");
  expect([find("a"), find("b")?.reason]).toEqual([undefined, "evicted"]);
});

test("clearing is remembered for whole keyspaces", () => {
  const { clock, log } = make(8);
  log.cleared(2);
  expect([log.clearedAt(2), log.clearedAt(3)]).toEqual([clock.now(), 0]);
  clock.advance(5);
  log.cleared();
  expect([log.clearedAt(2), log.clearedAt(3)]).toEqual([clock.now(), clock.now()]);
});

test("a RAM tier notes what is evicted, expires, is removed or finds no room", () => {
  const clock = new FakeClock();
  const ram = new RamTier({ capacityBytes: 1024 ** 2, maxBlocks: 2, clock });
  ram.departures = new DepartureLog({ clock });
  const store = (name: string, expiresAt = 0): number => {
    const key = Buffer.from(name);
    return ram.publish(ram.reserve(10, key.length), key, 0, key.length, 0, expiresAt);
  };
  const find = (name: string) => {
    const key = Buffer.from(name);
    ram.find(key, 0, key.length, 0);
    return ram.departures!.find(key, 0, key.length, 0)?.reason;
  };
  store("evicted");
  store("expired", clock.now() + 1000);
  clock.advance(500);
  const removed = store("removed");
  expect(ram.departures.find(Buffer.from("evicted"), 0, 7, 0)?.idleMs).toBe(0);
  clock.advance(500);
  ram.remove(removed);
  expect([find("evicted"), find("expired"), find("removed")]).toEqual([
    "evicted",
    "expired",
    "removed",
  ]);
  ram.setPinned(store("a"), true);
  ram.setPinned(store("b"), true);
  expect(store("dropped")).toBe(0);
  expect(find("dropped")).toBe("dropped");
  ram.clear();
  expect([find("a"), ram.departures.clearedAt(0)]).toEqual([undefined, clock.now()]);
});
