import { existsSync } from "node:fs";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { exportDirectory } from "../../../../src/tiers/ssd/maintenance/export.ts";
import {
  type ImportOptions,
  importDirectory,
} from "../../../../src/tiers/ssd/maintenance/import.ts";
import { MiB, emptyDirectory, fill, missingFrom, openStore, valueOf } from "./support.ts";

async function exported(directory: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  await exportDirectory(directory, async (bytes) => void parts.push(Buffer.from(bytes)));
  return Buffer.concat(parts);
}

/** The archive in pieces of `size` bytes. */
async function* pieces(archive: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
}

const small: ImportOptions = { capacityBytes: 48 * MiB, segmentBytes: 3 * MiB };
const opened = { capacityBytes: 48 * MiB };

test.each([1 * MiB, 65_536, 4093, 7])(
  "blocks go to a directory of another shape, in pieces of %i bytes",
  async (size) => {
    const directory = await emptyDirectory();
    const blocks = await fill(directory, "k", size === 7 ? 8 : 60);
    const archive = await exported(directory);
    const target = await emptyDirectory();
    const report = await importDirectory(target, pieces(archive, size), small);
    const bytes = [...blocks.values()].reduce((sum, { length }) => sum + length, 0);
    expect(report).toMatchObject({ blocks: blocks.size, bytes, damaged: 0, complete: true });
    expect(await missingFrom(target, blocks, opened)).toEqual([]);
    expect(await missingFrom(directory, blocks)).toEqual([]);
  },
);

test("pins, expiry and keyspaces come along; what is there stays unless it is to be replaced", async () => {
  const directory = await emptyDirectory();
  let store = await openStore(directory);
  await store.put([{ key: "a", value: valueOf("a", 20_000), ttlMs: 3_600_000 }], { keyspace: 4 });
  await store.put([{ key: "a", value: valueOf("theirs", 10) }]);
  await store.put([{ key: "short", value: valueOf("short", 10), ttlMs: 1 }]);
  const a = Buffer.from("a");
  store.tier.setPinned(store.tier.locate(a, 0, 1, 4), true);
  const expiresAt = store.tier.expiresAt(store.tier.locate(a, 0, 1, 4));
  await store.close();
  const archive = await exported(directory);
  const target = await emptyDirectory();
  store = await openStore(target, { capacityBytes: 32 * MiB });
  await store.put([{ key: "a", value: valueOf("ours", 10) }]);
  await store.close();
  expect(await importDirectory(target, pieces(archive))).toMatchObject({ blocks: 1, present: 1 });
  expect(await missingFrom(target, new Map([["a", valueOf("ours", 10)]]))).toEqual([]);
  const again = await importDirectory(target, pieces(archive), { replace: true });
  expect(again).toMatchObject({ blocks: 2, present: 0 });
  expect(await missingFrom(target, new Map([["a", valueOf("theirs", 10)]]))).toEqual([]);
  store = await openStore(target);
  const row = store.tier.locate(a, 0, 1, 4);
  expect(store.tier.isPinned(row)).toBe(true);
  expect(Math.abs(store.tier.expiresAt(row) - expiresAt)).toBeLessThan(1000);
  expect(store.tier.capacityBytes).toBe(32 * MiB);
});

test("an archive that was cut off gives what is whole, and says so", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 30);
  const archive = await exported(directory);
  const target = await emptyDirectory();
  const cut = archive.subarray(0, Math.floor(archive.length / 2));
  const report = await importDirectory(target, pieces(cut), small);
  expect(report.complete).toBe(false);
  expect(report.blocks).toBeGreaterThan(5);
  const missing = await missingFrom(target, blocks, opened);
  expect(missing).toHaveLength(30 - report.blocks);
  const whole = await importDirectory(target, pieces(archive));
  expect(whole).toMatchObject({ complete: true, present: report.blocks });
  expect(await missingFrom(target, blocks, opened)).toEqual([]);
});

test("a damaged value is left out, a damaged entry ends the archive", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 12);
  const archive = await exported(directory);
  const value = Buffer.from(archive);
  value[value.indexOf(valueOf("k-5", 100_000).subarray(0, 100)) + 5000] ^= 1;
  const first = await emptyDirectory();
  expect(await importDirectory(first, pieces(value), small)).toMatchObject({
    blocks: 11,
    damaged: 1,
    complete: true,
  });
  expect(await missingFrom(first, blocks, opened)).toEqual(["k-5"]);
  const entry = Buffer.from(archive);
  const k9 = Buffer.concat([Buffer.from("k-9"), valueOf("k-9", 1000)]);
  entry[entry.indexOf(k9)] ^= 1;
  const second = await emptyDirectory();
  const report = await importDirectory(second, pieces(entry), small);
  expect(report).toMatchObject({ blocks: 9, complete: false });
});

test("a directory that is too small keeps the newest and tells how many went", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 120);
  const archive = await exported(directory);
  const target = await emptyDirectory();
  const report = await importDirectory(target, pieces(archive), {
    capacityBytes: 8 * MiB,
    segmentBytes: MiB,
  });
  expect(report.complete).toBe(true);
  expect(report.evicted).toBeGreaterThan(20);
  const missing = await missingFrom(target, blocks, { capacityBytes: 8 * MiB });
  expect(missing).toContain("k-0");
  expect(missing).not.toContain("k-118");
});

test("what is no archive, or of a later version, is refused before anything is made", async () => {
  const target = await emptyDirectory();
  const later = Buffer.from(await exported(await filled()));
  later.writeUInt32LE(9, 8);
  later.writeUInt32LE(crc32(later.subarray(0, 12)), 12);
  for (const [bytes, message] of [
    [Buffer.from("hello, this is no archive"), /no archive/],
    [Buffer.alloc(0), /no archive/],
    [later, /format 9/],
  ] as const)
    await expect(importDirectory(`${target}/new`, pieces(bytes), small)).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringMatching(message) as string,
    });
  expect(existsSync(`${target}/new`)).toBe(false);
});

async function filled(): Promise<string> {
  const directory = await emptyDirectory();
  await fill(directory, "k", 2);
  return directory;
}
