import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { inLanes } from "../../../src/store/wrappers/lanes.ts";

test("all are done, in order, so many at once", async () => {
  const begun: number[] = [];
  let under = 0;
  let most = 0;
  await inLanes(3, 10, async (index) => {
    begun.push(index);
    most = Math.max(most, ++under);
    await nextTurn();
    under--;
  });
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(most).toBe(3);
  await inLanes(3, 0, () => Promise.reject(new Error("never")));
});

test("after a failure nothing more begins, and what is under way ends first", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = async (index: number) => {
    begun.push(index);
    await nextTurn();
    if (index === 0) throw new Error("no");
    await nextTurn();
    ended.push(index);
  };
  await expect(inLanes(2, 10, work)).rejects.toThrow("no");
  expect(begun).toEqual([0, 1]);
  expect(ended).toEqual([1]);
});
