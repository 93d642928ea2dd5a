import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { NodeDisk } from "../../../src/tiers/ssd/disk.ts";
import { SsdStore } from "../../../src/tiers/ssd/ssd-store.ts";
import type { SsdTierOptions } from "../../../src/tiers/ssd/ssd-tier.ts";
import { type Fault, FaultyDisk } from "../../support/faulty-disk.ts";
import { markOf, markedValue } from "../../support/marked-value.ts";

const MIB = 1024 ** 2;
/** From 512 KiB on, a value and its frame's header are written apart. */
const LENGTHS = [100_000, 600_000];
const [LENGTH] = LENGTHS;

let directory: string;
let disk: FaultyDisk;
let clock: FakeClock;
let store: SsdStore;
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

async function open(options: Partial<SsdTierOptions> = {}): Promise<void> {
  disk = new FaultyDisk(await NodeDisk.open(directory, "off", Buffer.alloc(4096)));
  store = await SsdStore.open({
    directory,
    capacityBytes: 16 * MIB,
    segmentBytes: MIB,
    disk,
    clock,
    queueBytes: MIB,
    ...options,
  });
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "keepwarm-faults-"));
  clock = new FakeClock();
  unhandled.length = 0;
  process.on("unhandledRejection", note);
  await open();
});

afterEach(async () => {
  disk.openGate();
  await store.close();
  await rm(directory, { recursive: true });
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

async function put(number: number, length = LENGTH): Promise<string> {
  const [outcome] = await store.put([
    { key: `key ${number}`, value: markedValue(number, 1, length) },
  ]);
  return outcome.status;
}

/** Whether the block is there; wrong bytes throw. */
async function has(number: number): Promise<boolean> {
  const [block] = await store.get([`key ${number}`]);
  if (block === undefined) return false;
  const mark = markOf(block.bytes);
  block.release();
  expect(mark.key).toBe(number);
  return true;
}

async function countOf(numbers: readonly number[]): Promise<number> {
  let count = 0;
  for (const number of numbers) if (await has(number)) count++;
  return count;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

/** Puts until one is kept again: after failures the disk is left alone for a while. */
async function recover(number: number): Promise<void> {
  await expect
    .poll(async () => {
      clock.advance(60_000);
      return put(number);
    })
    .toBe("stored");
}

function stats(): Record<string, unknown> {
  return store.tier.stats();
}

describe("a disk that takes no writes", () => {
  const faults: [string, Fault][] = [
    ["fails", { kind: "error", code: "EIO" }],
    ["is full", { kind: "error", code: "ENOSPC" }],
    ["is read-only", { kind: "error", code: "EROFS" }],
    ["takes half of them", { kind: "short" }],
  ];
  const cases = LENGTHS.flatMap((length) =>
    faults.map(([what, fault]) => ({ what, length, fault })),
  );
  test.each(cases)(
    "$what, blocks of $length bytes: values are misses, an alarm says why, and it goes on afterwards",
    async ({ length, fault }) => {
      for (const number of upTo(8)) expect(await put(number, length)).toBe("stored");
      disk.fault = ({ operation }) => (operation === "write" ? fault : undefined);
      for (let number = 100; number < 120; number++)
        expect(await put(number, length)).toBe("rejected");
      expect(stats()).toMatchObject({ state: "failing", queuedBytes: 0 });
      expect(stats()["alarm"]).toMatch(/failed: ./);
      if (fault.kind === "error" && fault.code === "ENOSPC")
        expect(stats()["alarm"]).toContain("no space left on the disk");
      expect(await countOf(upTo(8))).toBe(8);
      expect(await has(100)).toBe(false);

      disk.openGate();
      await recover(200);
      expect(stats()).toMatchObject({ state: "ready", alarm: "" });
      expect(await has(200)).toBe(true);
      expect(await countOf(upTo(8))).toBe(8);

      await store.close();
      await open();
      expect(await countOf(upTo(8))).toBe(8);
      expect(await has(200)).toBe(true);
      expect(await has(100)).toBe(false);
    },
  );

  test("one segment alone fails: the others take what it does not", async () => {
    disk.fault = ({ operation, file }) =>
      operation === "write" && file === "segment-00001.kws"
        ? { kind: "error", code: "EIO" }
        : undefined;
    for (const number of upTo(40)) expect(await put(number)).toBe("stored");
    expect(await countOf(upTo(40))).toBe(40);
  });

  test("a value is tried again elsewhere when its header fails, but not while it is being written", async () => {
    const writes = (): number =>
      disk.calls.filter(({ operation, position }) => operation === "write" && position > 0).length;
    await put(1);
    const before = writes();
    disk.fault = ({ operation }) => {
      if (operation !== "write") return undefined;
      return writes() === before + 1 ? { kind: "wait" } : { kind: "error", code: "EIO" };
    };
    const putting = put(2, 600_000);
    await expect.poll(() => [writes(), disk.waiting]).toEqual([before + 2, 1]);
    disk.openGate();
    expect(await putting).toBe("stored");
    expect(writes()).toBeGreaterThan(before + 3);
    expect(await countOf([1, 2])).toBe(2);
  });

  test("what was deleted meanwhile does not come back", async () => {
    for (const number of upTo(8)) await put(number);
    disk.fault = ({ operation }) =>
      operation === "write" ? { kind: "error", code: "EIO" } : undefined;
    for (let number = 100; number < 110; number++) await put(number);
    await store.delete(["key 3"]);
    disk.openGate();
    await recover(200);
    expect(await has(3)).toBe(false);
    await store.close();
    await open();
    expect(await has(3)).toBe(false);
    expect(await countOf(upTo(8))).toBe(7);
  });

  test("newer values do not give way to older ones that are tried again", async () => {
    for (let round = 0; round < 20; round++) {
      let calls = 0;
      disk.fault = ({ operation, position }) =>
        operation === "write" && position > 0 && ++calls === 1 + (round % 3)
          ? { kind: "error", code: "EIO" }
          : undefined;
      const puts = upTo(12).map(async (sequence) => {
        const value = markedValue(7, round * 100 + sequence, 300_000);
        await store.put([{ key: "key 7", value }]);
      });
      await Promise.all(puts);
      disk.fault = undefined;
      clock.advance(60_000);
    }
    const [before] = await store.get(["key 7"]);
    const expected = before === undefined ? undefined : markOf(before.bytes).sequence;
    before?.release();
    await store.close();
    await open();
    const [after] = await store.get(["key 7"]);
    expect(after === undefined ? undefined : markOf(after.bytes).sequence).toBe(expected);
    after?.release();
  });
});

describe("a disk that does not read", () => {
  test("errors are misses, and the blocks are there when it reads again", async () => {
    for (const number of upTo(8)) await put(number);
    disk.fault = ({ operation }) =>
      operation === "read" ? { kind: "error", code: "EIO" } : undefined;
    expect(await countOf(upTo(8))).toBe(0);
    expect(stats()).toMatchObject({ state: "failing", readErrors: 8 });
    expect(stats()["alarm"]).toContain("reading failed");
    disk.openGate();
    expect(await countOf(upTo(8))).toBe(8);
    expect(stats()).toMatchObject({ state: "ready", alarm: "" });
  });

  test("a segment that cannot be read at start costs its own blocks only", async () => {
    for (const number of upTo(30)) await put(number);
    await store.close();
    disk = new FaultyDisk(await NodeDisk.open(directory, "off", Buffer.alloc(4096)));
    disk.fault = ({ operation, file }) =>
      operation === "read" && file === "segment-00001.kws"
        ? { kind: "error", code: "EIO" }
        : undefined;
    store = await SsdStore.open({ directory, capacityBytes: 16 * MIB, disk, clock });
    const found = await countOf(upTo(30));
    expect(found).toBeGreaterThan(15);
    expect(found).toBeLessThan(30);
    disk.openGate();
    await recover(100);
    expect(await has(100)).toBe(true);
  });
});

describe("bytes that are not those that were written", () => {
  test("a bit flipped on the way up is a miss, counted, and nothing else is lost", async () => {
    for (const number of upTo(8)) await put(number);
    let flips = 0;
    disk.fault = ({ operation }) =>
      operation === "read" && flips++ === 0 ? { kind: "flip" } : undefined;
    expect(await has(3)).toBe(false);
    expect(stats()).toMatchObject({ corrupt: 1 });
    expect(await countOf(upTo(8))).toBe(7);
  });

  test.each(["flip", "torn"] as const)(
    "a write that is %s is a miss and never wrong bytes",
    async (kind) => {
      disk.fault = ({ operation, position }) =>
        operation === "write" && position > 0 ? { kind } : undefined;
      for (const number of upTo(8)) expect(await put(number)).toBe("stored");
      disk.openGate();
      expect(await countOf(upTo(8))).toBe(0);
      expect(stats()).toMatchObject({ corrupt: 8 });
      for (const number of upTo(8)) await put(number);
      expect(await countOf(upTo(8))).toBe(8);
      await store.close();
      await open();
      expect(await countOf(upTo(8))).toBe(8);
    },
  );
});

describe("a sync that fails", () => {
  test("is told to whoever waits for it, with an alarm that lasts until one succeeds", async () => {
    await store.close();
    await open({ durability: "fsync" });
    expect(await put(1)).toBe("stored");
    disk.fault = ({ operation, file }) =>
      operation === "sync" && file !== "segment-00015.kws"
        ? { kind: "error", code: "EIO" }
        : undefined;
    expect(await put(2)).toBe("rejected");
    expect(stats()["alarm"]).toContain("syncing failed");
    expect(await has(1)).toBe(true);
    disk.openGate();
    await recover(3);
    expect(stats()).toMatchObject({ state: "ready", alarm: "" });
  });
});

describe("a disk that hangs", () => {
  test("the queue stays bounded, what does not fit is turned down at once", async () => {
    disk.fault = ({ operation }) => (operation === "write" ? { kind: "wait" } : undefined);
    const puts = upTo(40).map((number) => put(number));
    await expect.poll(() => disk.waiting).toBeGreaterThan(0);
    expect(stats()["queuedBytes"]).toBeLessThanOrEqual(MIB);
    const { tier } = store;
    await expect.poll(() => tier.isFull(LENGTH)).toBe(true);
    const turnedDown = tier.put(Buffer.from("one more"), 0, 0, {
      value: markedValue(99, 1, LENGTH),
      pages: undefined,
      offset: 0,
      release: () => undefined,
    });
    expect(turnedDown).toBe(0);
    expect(stats()["queuedBytes"]).toBeLessThanOrEqual(MIB);
    disk.openGate();
    const outcomes = await Promise.all(puts);
    const stored = upTo(40).filter((number) => outcomes[number] === "stored");
    expect(stored.length).toBeGreaterThanOrEqual(9);
    expect(await countOf(upTo(40))).toBe(stored.length);
    expect(await countOf(stored)).toBe(stored.length);
  });

  test("reads that hang do not keep others from being answered", async () => {
    for (const number of upTo(30)) await put(number);
    disk.fault = ({ operation, file }) =>
      operation === "read" && file === "segment-00000.kws" ? { kind: "wait" } : undefined;
    const stuck = has(0);
    await expect.poll(() => disk.waiting).toBe(1);
    expect(await has(29)).toBe(true);
    disk.openGate();
    expect(await stuck).toBe(true);
  });

  test("closing gives up after its deadline", async () => {
    await store.close();
    await open({ drainMs: 50 });
    disk.fault = ({ operation }) => (operation === "write" ? { kind: "wait" } : undefined);
    const stuck = put(1);
    await expect.poll(() => disk.waiting).toBe(1);
    await store.close();
    disk.openGate();
    expect(await stuck).toBe("stored");
    await expect
      .poll(() => disk.calls.filter(({ operation }) => operation === "write").length)
      .toBeGreaterThan(1);
  });
});

describe("everything is cleared", () => {
  test("while a segment is being reclaimed", async () => {
    const { tier } = store;
    for (const number of upTo(80)) {
      await put(number);
      const key = Buffer.from(`key ${number}`);
      if (number % 4 === 0) tier.setPinned(tier.find(key, 0, key.length, 0), true);
    }
    let cleared = false;
    disk.fault = ({ operation }) => {
      // Only the reclaimer reads now: what it is going to move.
      if (operation === "read" && !cleared) {
        cleared = true;
        tier.clear();
      }
      return undefined;
    };
    for (let number = 200; number < 330 && !cleared; number++) await put(number);
    expect(cleared).toBe(true);
    disk.fault = undefined;
    expect(await countOf(upTo(130))).toBe(0);
    await put(500);
    expect(await has(500)).toBe(true);
  });
});
