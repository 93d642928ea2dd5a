import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPolicy, policyNames } from "../../../src/store/policies/index.ts";

const step = fc.oneof(
  fc.record({ insert: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ touch: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ remove: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ evictExcept: fc.uniqueArray(fc.integer({ min: 1, max: 60 })) }),
);

describe.each(policyNames)("%s", (name) => {
  test("evicts what it has, once, and never what must stay", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const policy = createPolicy(name);
        const present = new Set<number>();
        for (const action of steps) {
          if ("insert" in action) {
            if (present.has(action.insert)) continue;
            policy.insert(action.insert, action.insert * 7919, 1 + (action.insert % 5));
            present.add(action.insert);
          } else if ("touch" in action) {
            if (present.has(action.touch)) policy.touch(action.touch);
          } else if ("remove" in action) {
            if (present.delete(action.remove)) policy.remove(action.remove);
          } else {
            const keep = new Set(action.evictExcept);
            const victim = policy.evict((entry) => keep.has(entry));
            if ([...present].every((entry) => keep.has(entry))) expect(victim).toBe(0);
            else {
              expect(present.has(victim)).toBe(true);
              expect(keep.has(victim)).toBe(false);
              present.delete(victim);
            }
          }
          expect(policy.size).toBe(present.size);
          expect([...policy.order()].toSorted(byNumber)).toEqual([...present].toSorted(byNumber));
        }
      }),
      { numRuns: 300 },
    );
  });
});

test("lru evicts in the order of last use, as a Map does", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const policy = createPolicy("lru");
      const model = new Map<number, true>();
      const renew = (entry: number): void => {
        model.delete(entry);
        model.set(entry, true);
      };
      for (const action of steps) {
        if ("insert" in action && !model.has(action.insert)) {
          policy.insert(action.insert, 0, 1);
          renew(action.insert);
        } else if ("touch" in action && model.has(action.touch)) {
          policy.touch(action.touch);
          renew(action.touch);
        } else if ("remove" in action && model.delete(action.remove)) policy.remove(action.remove);
        else if ("evictExcept" in action) {
          const oldest = model.keys().next().value ?? 0;
          expect(policy.evict(() => false)).toBe(oldest);
          model.delete(oldest);
        }
      }
    }),
  );
});

test("s3fifo lets a flood of new entries pass without losing those in use", () => {
  const policy = createPolicy("s3fifo");
  const capacity = 100;
  const present = new Set<number>();
  let nextEntry = 1;
  const add = (): number => {
    if (present.size >= capacity) present.delete(policy.evict(() => false));
    const entry = nextEntry++;
    policy.insert(entry, entry * 2_654_435_761, 1);
    present.add(entry);
    return entry;
  };
  const used = Array.from({ length: 50 }, add);
  for (const entry of used) policy.touch(entry);
  for (let round = 0; round < 1000; round++) add();
  expect(used.filter((entry) => present.has(entry))).toEqual(used);
});

test("s3fifo takes a key that comes back soon into its main queue", () => {
  const policy = createPolicy("s3fifo");
  for (let entry = 1; entry <= 10; entry++) {
    policy.insert(entry, entry, 1);
    policy.touch(entry);
  }
  policy.insert(11, 1100, 1);
  policy.insert(12, 1200, 1);
  // The ten that were used move on to the main queue; the eleventh goes, and leaves its ghost.
  expect(policy.evict(() => false)).toBe(11);
  policy.insert(11, 1100, 1);
  policy.insert(13, 1300, 1);
  expect([...policy.order()].indexOf(13)).toBeLessThan([...policy.order()].indexOf(11));
});

function byNumber(a: number, b: number): number {
  return a - b;
}
