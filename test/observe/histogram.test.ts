import fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram } from "../../src/observe/histogram.ts";

test("tells quantiles within an eighth of the exact ones, from nanoseconds to minutes", () => {
  const durations = fc.array(
    fc.double({ min: 1e-6, max: 300_000, noNaN: true, noDefaultInfinity: true }),
    { minLength: 1, maxLength: 200 },
  );
  fc.assert(
    fc.property(durations, fc.constantFrom(0.1, 0.5, 0.9, 0.99, 1), (all, share) => {
      const histogram = new Histogram();
      for (const ms of all) histogram.record(ms);
      const exact = all.toSorted((a, b) => a - b)[Math.ceil(all.length * share) - 1];
      const told = histogram.quantileMs(share);
      expect(told).toBeGreaterThanOrEqual(exact * 0.999 - 1e-6);
      expect(told).toBeLessThanOrEqual(exact * 1.126 + 1e-6);
      expect(histogram.count).toBe(all.length);
    }),
  );
});

test("starts over", () => {
  const histogram = new Histogram();
  histogram.record(5);
  histogram.reset();
  expect(histogram.quantileMs(0.5)).toBe(0);
  expect(histogram.maxMs).toBe(0);
  histogram.record(1);
  expect(histogram.quantileMs(0.99)).toBe(1);
});
