import { Xxh64 } from "@node-rs/xxhash";
import { checksumOf } from "../checksum.ts";
import { PAGE_BYTES, pagesFor } from "../layout.ts";
import type { Segment } from "../segment.ts";
import type { Staging, StagingRun } from "../staging.ts";

const CHUNK_PAGES = 1024;

/** Where a value lies in its segment, and what its bytes must give. */
export interface ValuePlace {
  readonly position: number;
  readonly length: number;
  readonly checksum: bigint;
}

/** A value in memory; the memory is to be given back. */
export interface ReadValue {
  readonly value: Buffer;
  /** All pages that the value lies in; it begins there at `offset`. */
  readonly run: StagingRun;
  readonly offset: number;
}

/** Whether the bytes are those that were written, read in pieces. A disk that fails is a no. */
export async function isValueWhole(
  segment: Segment,
  { position, length, checksum }: ValuePlace,
  staging: Staging,
): Promise<boolean> {
  if (position + length > segment.bytes) return false;
  const first = position - (position % PAGE_BYTES);
  const end = position + length;
  const run = await staging.take(Math.min(CHUNK_PAGES, Math.max(1, pagesFor(end - first))));
  const hash = new Xxh64();
  try {
    for (let at = first; at < end; at += run.memory.length) {
      const bytes = Math.min(run.memory.length, pagesFor(end - at) * PAGE_BYTES);
      await segment.file.read(run.memory.subarray(0, bytes), at);
      hash.update(run.memory.subarray(Math.max(0, position - at), Math.min(bytes, end - at)));
    }
    return hash.digest() === checksum;
  } catch {
    return false;
  } finally {
    run.release();
  }
}

/** The value, or `undefined` when it cannot be read whole. */
export async function readValue(
  segment: Segment,
  { position, length, checksum }: ValuePlace,
  staging: Staging,
): Promise<ReadValue | undefined> {
  if (position + length > segment.bytes) return undefined;
  const offset = position % PAGE_BYTES;
  const run = await staging.take(Math.max(1, pagesFor(offset + length)));
  try {
    await segment.file.read(run.memory, position - offset);
    const value = run.memory.subarray(offset, offset + length);
    if (checksumOf(value) === checksum) return { value, run, offset };
  } catch {
    // Cannot be read: not there.
  }
  run.release();
  return undefined;
}
