import fc from "fast-check";
import { expect, test } from "vitest";
import { PageAllocator } from "../../../src/tiers/ram/page-allocator.ts";

const PAGES = 512;
const BOUNDARY = 128;

test("never hands out a page twice, nor a run across a boundary, and loses none", () => {
  const step = fc.oneof(
    fc.record({ allocate: fc.integer({ min: 1, max: BOUNDARY }) }),
    fc.record({ release: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const allocator = new PageAllocator(PAGES, BOUNDARY);
      for (let start = 0; start < PAGES; start += BOUNDARY) allocator.release(start, BOUNDARY);
      const owner = new Int32Array(PAGES).fill(-1);
      const runs: { start: number; count: number }[] = [];
      for (const [index, action] of steps.entries()) {
        if ("allocate" in action) {
          const count = action.allocate;
          const start = allocator.allocate(count);
          if (start < 0) {
            expect(longestFree(owner)).toBeLessThan(count);
            continue;
          }
          expect(Math.floor(start / BOUNDARY)).toBe(Math.floor((start + count - 1) / BOUNDARY));
          for (let page = start; page < start + count; page++) {
            expect(owner[page]).toBe(-1);
            owner[page] = index;
          }
          runs.push({ start, count });
        } else if (runs.length > 0) {
          const [run] = runs.splice(action.release % runs.length, 1);
          allocator.release(run.start, run.count);
          owner.fill(-1, run.start, run.start + run.count);
        }
        expect(allocator.free).toBe(owner.filter((each) => each < 0).length);
      }
      for (const { start, count } of runs) allocator.release(start, count);
      for (let piece = 0; piece < PAGES / BOUNDARY; piece++)
        expect(allocator.allocate(BOUNDARY)).toBeGreaterThanOrEqual(0);
      expect(allocator.allocate(1)).toBe(-1);
    }),
    { numRuns: 300 },
  );
});

function longestFree(owner: Int32Array): number {
  let longest = 0;
  let length = 0;
  for (let page = 0; page < owner.length; page++) {
    if (page % BOUNDARY === 0) length = 0;
    length = owner[page] < 0 ? length + 1 : 0;
    longest = Math.max(longest, length);
  }
  return longest;
}
