import { expect, test } from "vitest";
import { Budget } from "../../../src/adapters/shared/budget.ts";
import { hashOfJson } from "../../../src/adapters/shared/model-identity.ts";
import { RecentPrompts } from "../../../src/adapters/shared/recent-prompts.ts";

test("prompts part where the nearest of the last ones parts from them", () => {
  const recent = new RecentPrompts();
  expect(recent.add([1, 2, 3, 4])).toBe(0);
  expect(recent.add([1, 2, 9])).toBe(2);
  expect(recent.add([1, 2, 3, 5])).toBe(3);
  expect(recent.add([1, 2, 3, 4, 5])).toBe(4);
  expect(recent.add([7])).toBe(0);
});

test("a budget refuses what does not fit", () => {
  const budget = new Budget(10);
  expect([budget.take(6), budget.take(6), budget.take(4)]).toEqual([true, false, true]);
  budget.give(6);
  expect(budget).toMatchObject({ pendingBytes: 4, refused: 1 });
});

test("a bigint has another hash than a number", () => {
  expect(hashOfJson({ count: 1n })).not.toBe(hashOfJson({ count: 1 }));
});
