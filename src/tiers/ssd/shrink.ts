import type { Disk } from "./disk.ts";
import { PAGE_BYTES, readSegmentHeader } from "./layout.ts";
import { Segment } from "./segment.ts";
import type { Staging } from "./staging.ts";

/**
 * Removes segment files until there are at most `count`, the oldest first, and gives the others the
 * numbers below `count`. What is kept is always the newest: without the last word on a key, older ones
 * would count again.
 * @returns how many there are.
 */
export async function keepNewest(
  disk: Disk,
  count: number,
  segmentBytes: number,
  staging: Staging,
  storeId: Buffer,
): Promise<number> {
  const numbers = (await disk.names()).flatMap((name) => Segment.numberOf(name) ?? []);
  if (numbers.every((number) => number < count)) return numbers.length;
  const found: { number: number; generation: number }[] = [];
  for (const number of numbers) {
    const generation = await generationOf(disk, number, segmentBytes, staging, storeId);
    found.push({ number, generation });
  }
  found.sort((a, b) => b.generation - a.generation);
  const kept = found.slice(0, count);
  for (const { number } of found.slice(count).toReversed())
    await disk.remove(Segment.nameOf(number));
  const taken = new Set(kept.map(({ number }) => number));
  let next = 0;
  for (const { number } of kept) {
    if (number < count) continue;
    while (taken.has(next)) next++;
    taken.add(next);
    await disk.replace(Segment.nameOf(next), Segment.nameOf(number));
  }
  await disk.syncNames();
  return kept.length;
}

/** The generation of what is in the file; 0 when that is nothing of this store. */
async function generationOf(
  disk: Disk,
  number: number,
  segmentBytes: number,
  staging: Staging,
  storeId: Buffer,
): Promise<number> {
  const run = await staging.take(1);
  const file = await disk.open(Segment.nameOf(number), segmentBytes);
  try {
    await file.read(run.memory.subarray(0, PAGE_BYTES), 0);
    return readSegmentHeader(run.memory, storeId)?.generation ?? 0;
  } catch {
    return 0;
  } finally {
    await file.close();
    run.release();
  }
}
