import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { checkDirectory } from "../../../../src/tiers/ssd/maintenance/check.ts";
import { compactDirectory } from "../../../../src/tiers/ssd/maintenance/compact.ts";
import { exportDirectory } from "../../../../src/tiers/ssd/maintenance/export.ts";
import { repairDirectory } from "../../../../src/tiers/ssd/maintenance/repair.ts";
import { MiB, emptyDirectory, fill, missingFrom, segmentFiles, spoil, whereIs } from "./support.ts";

const shape = { capacityBytes: 8 * MiB, segmentBytes: MiB };
const PAGE = 4096;

interface Place {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** A directory with most of its segments full, and where each value of some length lies. */
async function original() {
  const directory = await emptyDirectory();
  const blocks = await fill(directory, "k", 50, shape);
  const places = new Map<string, Place>();
  for (const [key, value] of blocks) {
    if (value.length < 1000) continue;
    const { path, position } = await whereIs(directory, value.subarray(0, 1000));
    places.set(key, { file: basename(path), from: position, to: position + value.length });
  }
  const files = (await segmentFiles(directory)).map((path) => basename(path));
  return { directory, blocks, places, files };
}

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test.each([1, 2, 3, 4])(
  "one damaged place costs at most the block whose value it is in, seed %i",
  async (seed) => {
    const { directory, blocks, places, files } = await original();
    const random = randomFrom(seed);
    for (let i = 0; i < 12; i++) {
      const file = files[Math.floor(random() * files.length)];
      const page = Math.floor((random() * MiB) / PAGE);
      // Every other time among what pages begin with: headers, trailers, records.
      const position = page * PAGE + Math.floor(random() * (i % 2 === 0 ? PAGE - 8 : 100));
      const copy = await emptyDirectory();
      await cp(directory, copy, { recursive: true });
      await spoil(join(copy, file), position, 1 + Math.floor(random() * 8));
      const found = await checkDirectory(copy);
      await repairDirectory(copy);
      const where = `${file} at ${position}`;
      expect([where, (await checkDirectory(copy)).state]).toEqual([where, "whole"]);
      const missing = await missingFrom(copy, blocks, shape);
      expect([where, missing.length]).toEqual([where, blocks.size - found.blocks]);
      for (const key of missing) {
        // Small values lie side by side and were not looked for.
        const place = places.get(key) ?? { file, from: position, to: position + 1 };
        expect([where, place.file, place.from < position + 8 && position < place.to]).toEqual([
          where,
          file,
          true,
        ]);
      }
      expect(missing.length).toBeLessThanOrEqual(1);
    }
  },
);

test("damage all over neither throws nor makes up a byte", async () => {
  const { directory, blocks, files } = await original();
  const random = randomFrom(99);
  for (let round = 0; round < 6; round++) {
    const copy = await emptyDirectory();
    await cp(directory, copy, { recursive: true });
    for (let i = 0; i < 10 * (round + 1); i++)
      await spoil(
        join(copy, files[Math.floor(random() * files.length)]),
        Math.floor((random() * MiB) / 512) * 512,
        1 + Math.floor(random() * 200),
      );
    const before = await checkDirectory(copy);
    await repairDirectory(copy);
    expect(await checkDirectory(copy)).toMatchObject({ state: "whole", blocks: before.blocks });
    const { blocks: exported } = await exportDirectory(copy, async () => undefined);
    expect(exported).toBe(before.blocks);
    await compactDirectory(copy);
    expect(await checkDirectory(copy)).toMatchObject({ state: "whole", blocks: before.blocks });
    expect(await missingFrom(copy, blocks, shape)).toHaveLength(blocks.size - before.blocks);
  }
});
