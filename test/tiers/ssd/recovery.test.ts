import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open as openFile, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KeepwarmError } from "../../../src/errors.ts";
import { TierChain } from "../../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";
import { NodeDisk } from "../../../src/tiers/ssd/disk.ts";
import type { ValueSource } from "../../../src/tiers/ssd/log-item.ts";
import { SsdStore } from "../../../src/tiers/ssd/ssd-store.ts";
import { SsdTier, type SsdTierOptions } from "../../../src/tiers/ssd/ssd-tier.ts";
import { FaultyDisk } from "../../support/faulty-disk.ts";
import { markOf, markedValue } from "../../support/marked-value.ts";

const MIB = 1024 ** 2;
const PAGE = 4096;
const LENGTH = 100_000;

let directory: string;
const opened: SsdStore[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "keepwarm-recovery-"));
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await rm(directory, { recursive: true });
});

async function open(options: Partial<SsdTierOptions> = {}): Promise<SsdStore> {
  const store = await SsdStore.open({
    directory,
    capacityBytes: 16 * MIB,
    segmentBytes: MIB,
    ...options,
  });
  opened.push(store);
  return store;
}

async function put(store: SsdStore, number: number, sequence = 1): Promise<void> {
  const value = markedValue(number, sequence, LENGTH);
  expect(await store.put([{ key: `key ${number}`, value }])).toEqual([{ status: "stored" }]);
}

/** Numbers of the keys below `count` that are there, with their values' numbers; wrong bytes throw. */
async function found(store: SsdStore, count: number): Promise<Map<number, number>> {
  const values = new Map<number, number>();
  for (let number = 0; number < count; number++) {
    const [block] = await store.get([`key ${number}`]);
    if (block === undefined) continue;
    const mark = markOf(block.bytes);
    block.release();
    expect(mark.key).toBe(number);
    values.set(number, mark.sequence);
  }
  return values;
}

/** A disk that writes no footers, as if the process had been killed. */
async function withoutFooters(): Promise<FaultyDisk> {
  const disk = new FaultyDisk(await NodeDisk.open(directory, "off", Buffer.alloc(PAGE)));
  disk.fault = ({ operation, position }) =>
    operation === "write" && position === MIB - PAGE ? { kind: "error", code: "EIO" } : undefined;
  return disk;
}

async function change(name: string, at: number, bytes: Uint8Array): Promise<void> {
  const file = await openFile(join(directory, name), "r+");
  await file.write(bytes, 0, bytes.length, at);
  await file.close();
}

/** Where the file's frames begin. */
async function framesOf(name: string): Promise<number[]> {
  const bytes = await readFile(join(directory, name));
  const frames: number[] = [];
  for (let at = PAGE; at < bytes.length; at += PAGE)
    if (bytes.toString("latin1", at, at + 4) === "KWF1") frames.push(at);
  return frames;
}

async function refusal(options: Partial<SsdTierOptions> = {}): Promise<KeepwarmError> {
  const error: unknown = await open(options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KeepwarmError);
  return error as KeepwarmError;
}

/** A tier on the directory that does not know yet what is in one of its segments. */
async function loading(
  segment = "segment-00000.kws",
): Promise<{ tier: SsdTier; disk: FaultyDisk }> {
  const disk = new FaultyDisk(await NodeDisk.open(directory, "off", Buffer.alloc(PAGE)));
  disk.fault = ({ operation, file, position }) =>
    operation === "read" && file === segment && position > 0 ? { kind: "wait" } : undefined;
  const tier = await SsdTier.open({ directory, capacityBytes: 16 * MIB, disk });
  await expect.poll(() => disk.waiting).toBeGreaterThan(0);
  return { tier, disk };
}

function sourceOf(value: Buffer): ValueSource {
  return { value, pages: undefined, offset: 0, release: () => undefined };
}

describe("a process that ended without a word", () => {
  test("what is whole in the last segment is found without a footer", async () => {
    const store = await open({ disk: await withoutFooters() });
    for (let number = 0; number < 25; number++) await put(store, number);
    await store.close();
    const again = await open();
    expect(again.tier.loadProgress).toMatchObject({ scanned: 3, damaged: 0, done: true });
    expect((await found(again, 25)).size).toBe(25);
    // It was given a footer by that.
    await again.close();
    expect((await open()).tier.loadProgress).toMatchObject({ scanned: 0 });
  });

  test("a torn tail is cut at the last whole record", async () => {
    const store = await open({ disk: await withoutFooters() });
    for (let number = 0; number < 5; number++) await put(store, number);
    await store.close();
    const frames = await framesOf("segment-00000.kws");
    expect(frames).toHaveLength(5);
    await change("segment-00000.kws", frames[3] + 40, Buffer.alloc(PAGE));
    const again = await open();
    expect([...(await found(again, 5)).keys()]).toEqual([0, 1, 2]);
    for (let number = 3; number < 5; number++) await put(again, number, 2);
    expect((await found(again, 5)).size).toBe(5);
  });

  test("a value of the last segment whose bytes did not reach the disk is not listed", async () => {
    const store = await open({ disk: await withoutFooters() });
    for (let number = 0; number < 5; number++) await put(store, number);
    await store.close();
    const frames = await framesOf("segment-00000.kws");
    await change("segment-00000.kws", frames[2] + 5 * PAGE, Buffer.alloc(PAGE));
    const again = await open();
    expect(again.tier.loadProgress).toMatchObject({ damaged: 1 });
    expect(again.tier.count).toBe(4);
    expect([...(await found(again, 5)).keys()]).toEqual([0, 1, 3, 4]);
  });
});

describe("damage", () => {
  test.each([
    ["footer", -2 * PAGE],
    ["trailer", -PAGE],
  ])("of a segment's %s costs nothing: its frames are looked at", async (part, at) => {
    const store = await open();
    for (let number = 0; number < 25; number++) await put(store, number);
    await store.close();
    const bytes = await readFile(join(directory, "segment-00000.kws"));
    const footer = bytes.readUInt32LE(MIB - PAGE + 32) * PAGE;
    await change(
      "segment-00000.kws",
      part === "footer" ? footer : MIB + at,
      Buffer.alloc(16, 0xee),
    );
    const again = await open();
    expect(again.tier.loadProgress).toMatchObject({ scanned: 1, done: true });
    expect((await found(again, 25)).size).toBe(25);
  });

  test("of a segment's header costs that segment", async () => {
    const store = await open();
    for (let number = 0; number < 25; number++) await put(store, number);
    await store.close();
    await change("segment-00001.kws", 3, Buffer.from("x"));
    const again = await open();
    const left = [...(await found(again, 25)).keys()];
    expect(left.length).toBeGreaterThan(10);
    expect(left.length).toBeLessThan(25);
    for (let number = 0; number < 25; number++) await put(again, number, 2);
    expect((await found(again, 25)).size).toBe(25);
  });

  test("of a value that lies on the disk is a miss, and the next read does not try again", async () => {
    const store = await open();
    for (let number = 0; number < 5; number++) await put(store, number);
    await store.close();
    const [, second] = await framesOf("segment-00000.kws");
    await change("segment-00000.kws", second + 3 * PAGE + 7, Buffer.from([0]));
    const again = await open();
    expect([...(await found(again, 5)).keys()]).toEqual([0, 2, 3, 4]);
    expect(again.tier.stats()).toMatchObject({ corrupt: 1 });
    expect(await again.has(["key 1"])).toEqual([false]);
  });

  test("of the superblock is refused, with advice", async () => {
    await (await open()).close();
    await writeFile(join(directory, "keepwarm-ssd.json"), "{ half of");
    const error = await refusal();
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain("keepwarm-ssd.json is damaged");
    expect(error.remedy).toContain("another directory");
    // And nothing is locked by it.
    expect(await readdir(directory)).not.toContain("lock.json");
  });

  test("segment files that are gone cost their blocks only", async () => {
    const store = await open();
    for (let number = 0; number < 25; number++) await put(store, number);
    await store.close();
    await rm(join(directory, "segment-00001.kws"));
    const again = await open();
    const left = [...(await found(again, 25)).keys()];
    expect(left.length).toBeGreaterThan(10);
    expect(left.length).toBeLessThan(25);
    await put(again, 100);
  });

  test("segment files cut short cost what is cut off", async () => {
    const store = await open({ disk: await withoutFooters() });
    for (let number = 0; number < 5; number++) await put(store, number);
    await store.close();
    const frames = await framesOf("segment-00000.kws");
    const file = await openFile(join(directory, "segment-00000.kws"), "r+");
    await file.truncate(frames[3] + PAGE + 50);
    await file.close();
    expect([...(await found(await open(), 5)).keys()]).toEqual([0, 1, 2]);
  });
});

describe("a directory", () => {
  test("of a format that is not known is refused, with advice", async () => {
    await (await open()).close();
    const path = join(directory, "keepwarm-ssd.json");
    const superblock = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...superblock, version: 99 }));
    const error = await refusal();
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain("format 99");
    expect(error.remedy).toContain("another directory");
    // Its contents are not touched.
    expect(await readFile(path, "utf8")).toContain("99");
  });

  test("that a process has is refused to another, with its pid", async () => {
    await open();
    const error = await refusal();
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain(`pid ${process.pid} on ${hostname()}`);
  });

  test("whose process is gone is taken over", async () => {
    const store = await open();
    await put(store, 0);
    const lock = await readFile(join(directory, "lock.json"), "utf8");
    await store.close();
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    const stale = { ...(JSON.parse(lock) as object), pid: child.pid };
    await writeFile(join(directory, "lock.json"), JSON.stringify(stale));
    expect((await found(await open(), 1)).size).toBe(1);
  });

  test("whose pid another process has by now is taken over", async () => {
    const store = await open();
    const lock = await readFile(join(directory, "lock.json"), "utf8");
    await store.close();
    const stale = { ...(JSON.parse(lock) as object), started: "1" };
    await writeFile(join(directory, "lock.json"), JSON.stringify(stale));
    await open();
  });

  test("that a machine has which renews its lock is refused, and taken over when it does not", async () => {
    const store = await open();
    const lock = await readFile(join(directory, "lock.json"), "utf8");
    await store.close();
    const path = join(directory, "lock.json");
    await writeFile(path, JSON.stringify({ ...(JSON.parse(lock) as object), host: "elsewhere" }));
    expect((await refusal()).message).toContain("on elsewhere");
    const longAgo = new Date(Date.now() - 60_000);
    const file = await openFile(path, "r+");
    await file.utimes(longAgo, longAgo);
    await file.close();
    await open();
  });
});

describe("another size", () => {
  test("more: all is there, and there is more room", async () => {
    const store = await open();
    for (let number = 0; number < 50; number++) await put(store, number);
    await store.close();
    const again = await open({ capacityBytes: 32 * MIB });
    expect((await found(again, 50)).size).toBe(50);
    expect(again.stats().capacityBytes).toBe(32 * MIB);
    for (let number = 50; number < 150; number++) await put(again, number);
    expect((await found(again, 150)).size).toBe(150);
  });

  test("less: the newest stay, and older values of theirs do not come back", async () => {
    const store = await open();
    // The files with low numbers have the first values, those with high ones the last.
    for (let number = 0; number < 9; number++) await put(store, number, 1);
    for (let number = 20; number < 90; number++) await put(store, number, 1);
    for (let number = 0; number < 4; number++) await put(store, number, 2);
    await store.delete(["key 4", "key 5"]);
    await store.close();
    const again = await open({ capacityBytes: 6 * MIB });
    const files = (await readdir(directory)).filter((name) => name.startsWith("segment"));
    expect(files.toSorted()).toEqual(
      Array.from({ length: 6 }, (_, number) => `segment-0000${number}.kws`),
    );
    const left = await found(again, 90);
    for (let number = 0; number < 4; number++) expect(left.get(number)).toBe(2);
    for (let number = 4; number < 9; number++) expect(left.has(number)).toBe(false);
    expect(left.get(89)).toBe(1);
    for (let number = 100; number < 120; number++) await put(again, number);
  });

  test("too little is refused, and nothing is lost by it", async () => {
    const store = await open();
    for (let number = 0; number < 9; number++) await put(store, number);
    await store.close();
    const error = await refusal({ capacityBytes: 3 * MIB });
    expect(error.message).toContain("too small");
    expect(error.remedy).toContain("4 MiB");
    expect((await found(await open(), 9)).size).toBe(9);
  });
});

describe("while the index is loaded", () => {
  const key = Buffer.from("key 3");

  beforeEach(async () => {
    const store = await open();
    for (let number = 0; number < 5; number++) await put(store, number);
    await store.close();
  });

  test("a newer value holds, and everything else comes", async () => {
    const { tier, disk } = await loading();
    expect(tier.stats()).toMatchObject({ state: "loading" });
    tier.put(key, 0, 0, sourceOf(markedValue(3, 2, 500)));
    disk.openGate();
    await tier.loaded();
    await tier.settled();
    expect(tier.count).toBe(5);
    await tier.close();
    expect((await found(await open(), 5)).get(3)).toBe(2);
  });

  test.each([
    [
      "a value that is turned down",
      (tier: SsdTier) => tier.put(key, 0, 0, sourceOf(Buffer.alloc(MIB))),
    ],
    ["what is forgotten", (tier: SsdTier) => tier.forget(key, 0)],
  ])("%s leaves none that is older", async (_, act) => {
    const { tier, disk } = await loading();
    act(tier);
    disk.openGate();
    await tier.loaded();
    await tier.settled();
    expect(tier.find(key, 0, key.length, 0)).toBe(0);
    expect(tier.count).toBe(4);
    await tier.close();
    expect([...(await found(await open(), 5)).keys()]).toEqual([0, 1, 2, 4]);
  });

  test("half of a pair is not given up because the other half is not known yet", async () => {
    const store = await open();
    const halves = ["a pair kv_bytes", "a pair metadata"];
    const value = markedValue(9, 1, 500);
    await store.put([{ key: halves[0], value }]);
    await store.close();
    const second = await open();
    await second.put([{ key: halves[1], value }]);
    await second.close();

    const { tier, disk } = await loading("segment-00001.kws");
    const tiers = new TierChain({ ram: new RamTier({ capacityBytes: 4 * MIB }), lower: tier });
    const name = Buffer.from(halves[1]);
    await expect.poll(() => tiers.find(name, 0, name.length, 0)).not.toBe(0);
    disk.openGate();
    await tier.loaded();
    for (const half of halves.map((text) => Buffer.from(text)))
      expect(tiers.find(half, 0, half.length, 0)).not.toBe(0);
    await tier.close();
  });

  test("everything is cleared, and what comes after that stays", async () => {
    const { tier, disk } = await loading();
    tier.clear();
    tier.put(key, 0, 0, sourceOf(markedValue(3, 2, 500)));
    disk.openGate();
    await tier.loaded();
    await tier.settled();
    expect(tier.count).toBe(1);
    await tier.close();
    expect([...(await found(await open(), 5))]).toEqual([[3, 2]]);
  });
});
