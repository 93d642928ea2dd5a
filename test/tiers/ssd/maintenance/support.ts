import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { SsdStore } from "../../../../src/tiers/ssd/ssd-store.ts";
import type { SsdTierOptions } from "../../../../src/tiers/ssd/ssd-tier.ts";
import { pseudoRandomBytes } from "../../../support/bytes.ts";

export const MiB = 1024 ** 2;

/** An empty directory that goes with the test. */
export async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keepwarm-ssd-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export async function openStore(
  directory: string,
  options: Partial<SsdTierOptions> = {},
): Promise<SsdStore> {
  const store = await SsdStore.open({
    directory,
    capacityBytes: 32 * MiB,
    segmentBytes: 2 * MiB,
    ...options,
  });
  onTestFinished(() => store.close());
  return store;
}

/** The value that a key has in these tests. */
export function valueOf(key: string, length: number): Buffer {
  let seed = 7;
  for (const letter of key) seed = (seed * 31 + letter.charCodeAt(0)) % 2 ** 31;
  return pseudoRandomBytes(length, seed);
}

/** Lengths of all kinds: none, packed, with pages of their own, many pages. */
export const LENGTHS = [0, 1, 1000, 16_383, 16_384, 100_000, 400_001];

/** Stores `count` blocks named `name-0` and so on, and closes. Returns their values by key. */
export async function fill(
  directory: string,
  name: string,
  count: number,
  options: Partial<SsdTierOptions> = {},
): Promise<Map<string, Buffer>> {
  const store = await openStore(directory, options);
  const blocks = new Map<string, Buffer>();
  for (let i = 0; i < count; i++) {
    const key = `${name}-${i}`;
    const value = valueOf(key, LENGTHS[i % LENGTHS.length]);
    blocks.set(key, value);
    await store.put([{ key, value }]);
  }
  await store.close();
  return blocks;
}

/** Keys of `blocks` that a store opened on the directory does not have byte by byte. */
export async function missingFrom(
  directory: string,
  blocks: ReadonlyMap<string, Buffer>,
  options: Partial<SsdTierOptions> = {},
): Promise<string[]> {
  const store = await openStore(directory, options);
  const missing: string[] = [];
  for (const [key, value] of blocks) {
    const [block] = await store.get([key]);
    if (block === undefined || !value.equals(block.bytes)) missing.push(key);
    block?.release();
  }
  await store.close();
  return missing;
}

export async function segmentFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => name.endsWith(".kws")).map((name) => join(directory, name));
}

/** Turns all bits of `length` bytes of a file. */
export async function spoil(path: string, position: number, length = 1): Promise<void> {
  const file = await open(path, "r+");
  try {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, position);
    for (let i = 0; i < length; i++) bytes[i] ^= 0xff;
    await file.write(bytes, 0, length, position);
  } finally {
    await file.close();
  }
}

/** Where in which file the bytes stand. */
export async function whereIs(
  directory: string,
  bytes: Buffer,
): Promise<{ path: string; position: number }> {
  for (const path of await segmentFiles(directory)) {
    const file = await open(path, "r");
    try {
      const position = (await file.readFile()).indexOf(bytes);
      if (position >= 0) return { path, position };
    } finally {
      await file.close();
    }
  }
  throw new Error("the bytes are in no segment");
}
