import { readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkDirectory } from "../../../../src/tiers/ssd/maintenance/check.ts";
import { repairDirectory } from "../../../../src/tiers/ssd/maintenance/repair.ts";
import {
  MiB,
  emptyDirectory,
  fill,
  missingFrom,
  openStore,
  segmentFiles,
  spoil,
  valueOf,
  whereIs,
} from "./support.ts";

const PAGE = 4096;

test("a directory as a server left it is whole", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 100);
  const seen: number[] = [];
  const report = await checkDirectory(directory, { onProgress: ({ bytes }) => seen.push(bytes) });
  const bytes = [...blocks.values()].reduce((sum, { length }) => sum + length, 0);
  expect(report).toMatchObject({
    directory,
    formatVersion: 1,
    segmentBytes: 2 * MiB,
    segments: 16,
    blocks: 100,
    bytes,
    values: 100,
    valueBytes: bytes,
    damagedValues: 0,
    damagedFrames: 0,
    missingFooters: 0,
    tornTails: 0,
    state: "whole",
    findings: [],
  });
  expect(report.segmentsInUse).toBeGreaterThan(2);
  expect(seen.at(-1)).toBe(bytes);
});

test("what is replaced and removed counts among the values, not among the blocks", async () => {
  const directory = await emptyDirectory();
  await fill(directory, "k", 10);
  await fill(directory, "k", 5);
  const store = await openStore(directory);
  await store.delete(["k-9"]);
  await store.close();
  expect(await checkDirectory(directory)).toMatchObject({ blocks: 9, values: 15, state: "whole" });
});

test("a damaged value is found, and repair forgets it and nothing else", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 30);
  const victim = valueOf("k-5", 100_000);
  const { path, position } = await whereIs(directory, victim.subarray(0, 1000));
  await spoil(path, position + 50_000);
  const report = await checkDirectory(directory);
  expect(report).toMatchObject({
    blocks: 29,
    damagedValues: 1,
    damagedBytes: 100_000,
    state: "damaged",
  });
  expect(report.findings).toHaveLength(1);
  expect(await repairDirectory(directory, { dryRun: true })).toMatchObject({
    dryRun: true,
    recordsDropped: 1,
    footersWritten: 1,
  });
  expect(await checkDirectory(directory)).toMatchObject({ damagedValues: 1 });
  expect(await repairDirectory(directory)).toMatchObject({ dryRun: false, recordsDropped: 1 });
  expect(await checkDirectory(directory)).toMatchObject({ state: "whole", blocks: 29 });
  expect(await missingFrom(directory, blocks)).toEqual(["k-5"]);
});

test("no older value takes the place of one that is damaged", async () => {
  const directory = await emptyDirectory();
  const store = await openStore(directory);
  await store.put([{ key: "k", value: valueOf("old", 50_000) }]);
  await store.put([{ key: "k", value: valueOf("new", 50_000) }]);
  await store.close();
  const { path, position } = await whereIs(directory, valueOf("new", 50_000).subarray(0, 100));
  await spoil(path, position);
  expect(await checkDirectory(directory)).toMatchObject({ blocks: 0, damagedValues: 1 });
  await repairDirectory(directory);
  expect(await missingFrom(directory, new Map([["k", valueOf("old", 50_000)]]))).toEqual(["k"]);
});

test("a damaged footer is repairable: nothing is lost", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 60);
  const { path } = await whereIs(directory, valueOf("k-5", 100_000).subarray(0, 1000));
  const { size } = await stat(path);
  const { findings } = await checkDirectory(directory);
  expect(findings).toEqual([]);
  await spoil(path, size - PAGE + 40);
  expect(await checkDirectory(directory)).toMatchObject({ missingFooters: 1, state: "whole" });
  const end = (await repairDirectory(directory)).findings[0].end;
  await spoil(path, end + 100);
  expect(await checkDirectory(directory)).toMatchObject({
    damagedFooters: 1,
    blocks: 60,
    state: "repairable",
  });
  expect(await repairDirectory(directory)).toMatchObject({ footersWritten: 1, recordsDropped: 0 });
  expect(await checkDirectory(directory)).toMatchObject({ state: "whole", findings: [] });
  expect(await missingFrom(directory, blocks)).toEqual([]);
});

test("frames behind a damaged one are found, though the footer is gone too", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 12);
  const { path, position } = await whereIs(directory, valueOf("k-5", 100_000).subarray(0, 1000));
  const { size } = await stat(path);
  await spoil(path, size - PAGE + 40);
  // The header of the frame that holds k-5 is the page before its value.
  await spoil(path, position - (position % PAGE) - PAGE + 50);
  const report = await checkDirectory(directory);
  expect(report).toMatchObject({ damagedFrames: 1, blocks: 11, state: "damaged" });
  await repairDirectory(directory);
  expect(await checkDirectory(directory)).toMatchObject({ state: "whole", blocks: 11 });
  expect(await missingFrom(directory, blocks)).toEqual(["k-5"]);
});

test("a frame whose header is damaged loses nothing while the footer is whole", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 12);
  const { path, position } = await whereIs(directory, valueOf("k-5", 100_000).subarray(0, 1000));
  await spoil(path, position - (position % PAGE) - PAGE + 50);
  expect(await checkDirectory(directory)).toMatchObject({
    damagedFrames: 1,
    blocks: 12,
    state: "whole",
  });
  expect(await missingFrom(directory, blocks)).toEqual([]);
});

test("a damaged segment header is made up from the first frame", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 60);
  const { path } = await whereIs(directory, valueOf("k-5", 100_000).subarray(0, 1000));
  await spoil(path, 0, PAGE);
  expect(await checkDirectory(directory)).toMatchObject({
    damagedHeaders: 1,
    blocks: 60,
    state: "repairable",
  });
  expect(await repairDirectory(directory)).toMatchObject({ headersWritten: 1 });
  expect(await checkDirectory(directory)).toMatchObject({ state: "whole" });
  expect(await missingFrom(directory, blocks)).toEqual([]);
});

test("a tail that was torn is no damage, and what the key had before is there again", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 20);
  const store = await openStore(directory);
  await store.put([{ key: "k-5", value: valueOf("torn", 30_000) }]);
  await store.close();
  const { path, position } = await whereIs(directory, valueOf("torn", 30_000).subarray(0, 100));
  const { size } = await stat(path);
  await spoil(path, size - PAGE + 40);
  await spoil(path, position + 20_000, 100);
  expect(await checkDirectory(directory)).toMatchObject({
    blocks: 20,
    damagedValues: 0,
    tornTails: 1,
    state: "whole",
  });
  expect(await repairDirectory(directory)).toMatchObject({ recordsDropped: 1 });
  expect(await missingFrom(directory, blocks)).toEqual([]);
});

test("a file that was cut short keeps what is left of it", async () => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 12);
  const { path, position } = await whereIs(directory, valueOf("k-5", 100_000).subarray(0, 1000));
  await truncate(path, position + 50_000);
  const report = await checkDirectory(directory);
  expect(report.blocks).toBe(5);
  await repairDirectory(directory);
  expect(await missingFrom(directory, blocks)).toEqual(
    [...blocks.keys()].filter((key) => Number(key.slice(2)) > 4),
  );
});

test("a directory in use, without a superblock, or of another format is refused", async () => {
  const directory = await emptyDirectory();
  await expect(checkDirectory(directory)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  const store = await openStore(directory);
  await expect(checkDirectory(directory)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(`pid ${process.pid}`) as string,
  });
  await store.close();
  const superblock = { format: "keepwarm-ssd", version: 99 };
  await writeFile(join(directory, "keepwarm-ssd.json"), JSON.stringify(superblock));
  await expect(repairDirectory(directory)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("format 99") as string,
    remedy: expect.stringContaining("keepwarm ssd export") as string,
  });
});

test("footers have room behind the frames, however many are under way at a time", async () => {
  const directory = await emptyDirectory();
  const store = await openStore(directory, { capacityBytes: 128 * MiB, segmentBytes: 8 * MiB });
  const blocks = new Map<string, Buffer>();
  for (let i = 0; i < 12_000; i++) blocks.set(`${i}`.padEnd(900, "k"), valueOf(`${i}`, 100));
  await store.put([...blocks].map(([key, value]) => ({ key, value })));
  await store.close();
  expect(await checkDirectory(directory)).toMatchObject({
    blocks: 12_000,
    damagedFooters: 0,
    missingFooters: 0,
    state: "whole",
  });
});

test.each(["gone", "damaged"])("a superblock that is %s is made anew", async (how) => {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 30);
  await fill(directory, "k", 3);
  const path = join(directory, "keepwarm-ssd.json");
  const before = JSON.parse(await readFile(path, "utf8")) as { session: number };
  if (how === "gone") await rm(path);
  else await writeFile(path, '{"format": "keepw');
  expect(await repairDirectory(directory, { dryRun: true })).toMatchObject({
    superblockWritten: true,
    blocks: 30,
  });
  await expect(checkDirectory(directory)).rejects.toThrow(/keepwarm-ssd\.json/);
  await expect(openStore(directory)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    remedy: expect.stringContaining("keepwarm ssd repair") as string,
  });
  expect(await repairDirectory(directory)).toMatchObject({ superblockWritten: true, blocks: 30 });
  const after = JSON.parse(await readFile(path, "utf8")) as { session: number };
  expect(after).toEqual({ ...before, session: after.session });
  expect(after.session).toBeGreaterThanOrEqual(before.session);
  expect(await missingFrom(directory, blocks)).toEqual([]);
  // What is written from now on is newer than all that was there.
  const store = await openStore(directory);
  await store.put([{ key: "k-5", value: valueOf("new", 20_000) }]);
  await store.close();
  expect(await missingFrom(directory, new Map([["k-5", valueOf("new", 20_000)]]))).toEqual([]);
});

test("a check changes no byte, and ends when it is told to", async () => {
  const directory = await emptyDirectory();
  await fill(directory, "k", 40);
  const before = await Promise.all((await segmentFiles(directory)).map((path) => stat(path)));
  await checkDirectory(directory);
  const after = await Promise.all((await segmentFiles(directory)).map((path) => stat(path)));
  expect(after.map(({ mtimeMs }) => mtimeMs)).toEqual(before.map(({ mtimeMs }) => mtimeMs));
  const stop = new AbortController();
  const checking = checkDirectory(directory, {
    signal: stop.signal,
    onProgress: () => stop.abort(new Error("enough")),
  });
  await expect(checking).rejects.toThrow("enough");
  await expect(checkDirectory(directory)).resolves.toMatchObject({ state: "whole" });
});
