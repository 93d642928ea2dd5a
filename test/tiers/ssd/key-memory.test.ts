import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyMemory } from "../../../src/tiers/ssd/key-memory.ts";

test("gives back every key as it was added, whatever comes and goes", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ add: fc.uint8Array({ minLength: 1, maxLength: 1024 }) }),
      fc.record({ remove: fc.nat(1000) }),
    ),
    { maxLength: 400 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const memory = new KeyMemory(64 * 1024 ** 2, 1024);
      const kept: { place: number; key: Uint8Array }[] = [];
      for (const step of all)
        if ("add" in step)
          kept.push({ place: memory.add(step.add, 0, step.add.length), key: step.add });
        else if (kept.length > 0) {
          const [{ place, key }] = kept.splice(step.remove % kept.length, 1);
          memory.remove(place, key.length);
        }
      for (const { place, key } of kept) {
        expect(memory.get(place, key.length).equals(key)).toBe(true);
        expect(memory.equals(place, key.length, key, 0, key.length)).toBe(true);
      }
      const steps = kept.reduce((sum, { key }) => sum + Math.ceil(key.length / 8) * 8, 0);
      expect(memory.usedBytes).toBe(steps);
    }),
    { numRuns: 100 },
  );
});

test("takes no more than its capacity, and uses room again", () => {
  const memory = new KeyMemory(8 * 1024 ** 2, 1024);
  const key = new Uint8Array(100);
  const places: number[] = [];
  for (;;) {
    const place = memory.add(key, 0, key.length);
    if (place < 0) break;
    places.push(place);
  }
  expect(places.length).toBeGreaterThan(80_000);
  expect(memory.usedBytes).toBeLessThanOrEqual(8 * 1024 ** 2);
  for (const place of places) memory.remove(place, key.length);
  expect(memory.usedBytes).toBe(0);
  expect(new Set(places).size).toBe(places.length);
  for (let left = places.length; left > 0; left--)
    expect(memory.add(key, 0, 100)).toBeGreaterThan(-1);
  expect(memory.add(key, 0, 100)).toBe(-1);
});
