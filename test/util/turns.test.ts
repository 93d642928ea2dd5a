import { expect, test } from "vitest";
import { Turns } from "../../src/util/turns.ts";

test("each goes on in a turn of its own, in the order of asking", async () => {
  const turns = new Turns();
  const events: string[] = [];
  const tick = (): void => {
    events.push("turn");
    if (events.length < 8) setImmediate(tick);
  };
  const all = ["a", "b", "c"].map(async (name) => {
    await turns.next();
    events.push(name);
  });
  setImmediate(tick);
  await Promise.all(all);
  expect(events).toEqual(["a", "turn", "b", "turn", "c"]);

  await turns.next();
  await turns.next();
});
