import { expect, test } from "vitest";
import { Blocks, keyCount } from "./valkey/blocks.ts";
import { figuresOf } from "./valkey/figures.ts";
import type { CallRecord, RunRecord } from "./valkey/record.ts";
import { renderTorture } from "./valkey/report.ts";
import { scenarios } from "./valkey/scenarios.ts";
import { torture } from "./valkey/torture.ts";

const watchMs: Readonly<Record<string, number>> = {
  "primary-killed": 4500,
  "slots-moved": 1500,
  reset: 2000,
  "black-hole": 5000,
};

test.each(Object.keys(watchMs))(
  "%s: no wrong byte, no call beyond its deadline, bounded memory, and recovery",
  async (name) => {
    const scenario = scenarios.find((each) => each.name === name)!;
    const result = await torture(scenario, {
      engine: name === "slots-moved" ? "redis" : "valkey",
      clients: ["keepwarm"],
      watchMs: watchMs[name],
      deadlineMs: 1000,
      progress: () => {},
    });
    expect(result.clients.flatMap(({ problems }) => problems)).toEqual([]);
    expect(result.clients[0].calls).toBeGreaterThan(100);
    expect(renderTorture([result])).toContain(name);
  },
  60_000,
);

test("blocks tell whose they are, and a single wrong byte shows", () => {
  const [mine, others] = [new Blocks(0, "mine"), new Blocks(1, "others")];
  for (const index of [0, 7, keyCount - 1])
    for (const version of [0, 1, 200]) {
      const block = mine.make(index, version);
      expect(mine.versionOf(index, block)).toBe(version);
      expect(others.versionOf(index, block)).not.toBe(version);
      expect(mine.versionOf(index, block.subarray(1))).toBeUndefined();
      for (const at of [0, 5000, block.length - 1]) {
        const copy = Buffer.from(block);
        copy[at] ^= 1;
        expect(mine.versionOf(index, copy)).not.toBe(version);
      }
    }
});

const call = (began: number, ended: number, more: Partial<CallRecord> = {}): CallRecord => ({
  kind: "put",
  index: 0,
  began,
  ended,
  outcome: "ok",
  ...more,
});
const run = (calls: CallRecord[], more: Partial<RunRecord> = {}): RunRecord => ({
  calls,
  blockages: [],
  memory: [],
  unhandled: [],
  heldBack: 0,
  failures: {},
  ...more,
});

test("the figures: gaps, what the machine held up, what never ended", () => {
  const moments = { harmedAt: 1000, endedAt: 9000 };
  const figures = figuresOf(
    run(
      [
        call(900, 950),
        call(1000, 2200, { outcome: "failed" }),
        call(3000, 3450),
        call(8500, 8600),
        call(8600, 8700, { kind: "get" }),
        call(8700, 9999, { outcome: "open", kind: "has" }),
      ],
      {
        blockages: [{ from: 2050, to: 2150 }],
        memory: [
          { at: 500, bytes: 100 },
          { at: 2000, bytes: 180 },
        ],
      },
    ),
    moments,
    1000,
    () => true,
  );
  expect(figures).toMatchObject({
    gapOfPuts: 5150,
    unsuccessful: 2,
    longest: 1299,
    late: 299,
    blocked: 100,
    memoryGrowth: 80,
    open: 1,
    back: false,
  });
  const late = figuresOf(
    run([call(1000, 2200, { outcome: "failed" })], { blockages: [{ from: 2050, to: 2150 }] }),
    moments,
    1000,
    () => true,
  );
  expect(late).toMatchObject({ late: 100, gapOfPuts: undefined, gapOfGets: undefined });
});
