import { readdir, stat } from "node:fs/promises";
import { expect, test } from "vitest";
import { checkDirectory } from "../../../../src/tiers/ssd/maintenance/check.ts";
import { compactDirectory } from "../../../../src/tiers/ssd/maintenance/compact.ts";
import {
  LENGTHS,
  MiB,
  emptyDirectory,
  fill,
  missingFrom,
  openStore,
  segmentFiles,
  valueOf,
} from "./support.ts";

const roomy = { capacityBytes: 64 * MiB };

async function bytesOnDisk(directory: string): Promise<number> {
  const files = await Promise.all((await segmentFiles(directory)).map((path) => stat(path)));
  return files.reduce((sum, { blocks }) => sum + blocks * 512, 0);
}

/** A directory in which most blocks are dead, and the blocks that are not. */
async function halfDead(): Promise<{ directory: string; blocks: Map<string, Buffer> }> {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 300, roomy);
  const store = await openStore(directory, roomy);
  for (const [key] of blocks)
    if (Number(key.slice(2)) % 3 !== 0) {
      await store.delete([key]);
      blocks.delete(key);
    }
  await store.close();
  return { directory, blocks };
}

test("segments of dead blocks come free, live blocks stay", async () => {
  const { directory, blocks } = await halfDead();
  const before = await checkDirectory(directory);
  const onDisk = await bytesOnDisk(directory);
  const seen: number[] = [];
  const report = await compactDirectory(directory, { onProgress: ({ done }) => seen.push(done) });
  expect(report).toMatchObject({
    blocks: 100,
    movedBlocks: 100,
    bytes: before.bytes,
    damagedBlocks: 0,
    segmentsBefore: before.segmentsInUse,
  });
  expect(seen.at(-1)).toBe(100);
  expect(report.segmentsAfter).toBeLessThan(before.segmentsInUse / 2);
  expect(report.freedBytes).toBe((report.segmentsBefore - report.segmentsAfter) * 2 * MiB);
  expect(await bytesOnDisk(directory)).toBeLessThan(onDisk - report.freedBytes / 2);
  expect(await checkDirectory(directory)).toMatchObject({
    state: "whole",
    blocks: 100,
    values: 100,
    segmentsInUse: report.segmentsAfter,
  });
  expect(await missingFrom(directory, blocks, roomy)).toEqual([]);
  expect((await readdir(directory)).filter((name) => name.endsWith(".new"))).toEqual([]);
});

test("a second time there is nothing to do", async () => {
  const { directory } = await halfDead();
  const { segmentsAfter } = await compactDirectory(directory);
  expect(await compactDirectory(directory)).toMatchObject({
    movedBlocks: 0,
    freedBytes: 0,
    segmentsBefore: segmentsAfter,
    segmentsAfter,
  });
});

test("pins, expiry, keyspaces and what is gone stay as they were", async () => {
  const directory = await emptyDirectory();
  await fill(directory, "k", 120, roomy);
  let store = await openStore(directory, roomy);
  const at = Date.now() + 3_600_000;
  for (const key of ["k-3", "k-80"]) {
    const row = store.tier.locate(Buffer.from(key), 0, key.length, 0);
    store.tier.setPinned(row, true);
    store.tier.setExpiry(row, at);
  }
  await store.put([{ key: "k-1", value: valueOf("new", 9) }]);
  await store.put([{ key: "k-1", value: valueOf("other", 20_000) }], { keyspace: 3 });
  store.tier.clear(5);
  for (let i = 10; i < 110; i++) if (i !== 80) await store.delete([`k-${i}`]);
  await store.close();
  const report = await compactDirectory(directory);
  expect(report.movedBlocks).toBeGreaterThan(0);
  store = await openStore(directory, roomy);
  const present = await store.has(Array.from({ length: 120 }, (_, i) => `k-${i}`));
  expect(present).toEqual(Array.from({ length: 120 }, (_, i) => i < 10 || i === 80 || i >= 110));
  for (const key of ["k-3", "k-80"]) {
    const row = store.tier.locate(Buffer.from(key), 0, key.length, 0);
    expect([store.tier.isPinned(row), store.tier.expiresAt(row)]).toEqual([true, at]);
  }
  const [here] = await store.get(["k-1"]);
  const [there] = await store.get(["k-1"], { keyspace: 3 });
  expect(valueOf("new", 9).equals(here!.bytes)).toBe(true);
  expect(valueOf("other", 20_000).equals(there!.bytes)).toBe(true);
  here!.release();
  there!.release();
});

test("what a later segment says of one that stays is kept", async () => {
  const directory = await emptyDirectory();
  // The first segments are full of live blocks and stay.
  const blocks = await fill(directory, "old", 30, roomy);
  let store = await openStore(directory, roomy);
  const old = Buffer.from("old-6");
  store.tier.setPinned(store.tier.locate(old, 0, old.length, 0), true);
  await store.delete(["old-0"]);
  blocks.delete("old-0");
  await store.close();
  await fill(directory, "dead", 200, roomy);
  store = await openStore(directory, roomy);
  for (let i = 0; i < 200; i++) await store.delete([`dead-${i}`]);
  await store.close();
  const report = await compactDirectory(directory);
  expect(report.freedBytes).toBeGreaterThan(0);
  expect(await missingFrom(directory, blocks, roomy)).toEqual([]);
  store = await openStore(directory, roomy);
  expect(await store.has(["old-0", "dead-1"])).toEqual([false, false]);
  expect(store.tier.isPinned(store.tier.locate(old, 0, old.length, 0))).toBe(true);
});

test.each([1, 20, 60, 99])("stopped after %i blocks, nothing is lost", async (count) => {
  const { directory, blocks } = await halfDead();
  const stop = new AbortController();
  const compacting = compactDirectory(directory, {
    signal: stop.signal,
    onProgress: ({ done }) => {
      if (done === count) stop.abort(new Error("enough"));
    },
  });
  await expect(compacting).rejects.toThrow("enough");
  expect(await checkDirectory(directory)).toMatchObject({ state: "whole", blocks: 100 });
  expect((await readdir(directory)).filter((name) => name.endsWith(".new"))).toEqual([]);
  await compactDirectory(directory);
  expect(await checkDirectory(directory)).toMatchObject({ state: "whole", blocks: 100 });
  expect(await missingFrom(directory, blocks, roomy)).toEqual([]);
});

test("blocks keep their age, so that the oldest still go first", async () => {
  const { directory } = await halfDead();
  await compactDirectory(directory);
  const store = await openStore(directory, roomy);
  const generation = (key: string): number => {
    const row = store.tier.locate(Buffer.from(key), 0, key.length, 0);
    return store.tier.segments.all[store.tier.index.segment(row)].generation;
  };
  const ages = Array.from({ length: 100 }, (_, i) => generation(`k-${i * 3}`));
  expect(ages).toEqual(ages.toSorted((a, b) => a - b));
  expect(new Set(ages).size).toBeGreaterThan(2);
  expect(LENGTHS.length).toBeGreaterThan(2);
});
