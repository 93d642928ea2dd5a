import type { Blockage } from "../../support/heartbeat.ts";
import type { CallRecord, RunRecord } from "./record.ts";

/** What came of one client in one scenario. Times in milliseconds. */
export interface Figures {
  /** Longest time without a put that succeeded, from the harm on; `undefined`: none succeeded after it. */
  readonly gapOfPuts: number | undefined;
  /** The same for gets. */
  readonly gapOfGets: number | undefined;
  readonly calls: number;
  /** Calls that did not succeed, from the harm on. */
  readonly unsuccessful: number;
  /** The longest call. */
  readonly longest: number;
  /** How long beyond its deadline the worst call went on, without what the machine kept it waiting. */
  readonly late: number;
  /** The longest time that the process could do nothing. */
  readonly blocked: number;
  /** Bytes of resident memory at most, from the harm on, beyond those before. */
  readonly memoryGrowth: number;
  readonly wrong: number;
  readonly unhandled: number;
  /** Calls that had not ended two deadlines after the end. */
  readonly open: number;
  readonly heldBack: number;
  /** Whether everything succeeded again in the end. */
  readonly back: boolean;
}

/** The run's times. */
export interface Moments {
  readonly harmedAt: number;
  readonly endedAt: number;
}

/** At the end everything must have been well for so long. */
const wellMs = 1000;

export function figuresOf(
  { calls, blockages, memory, unhandled, heldBack }: RunRecord,
  { harmedAt, endedAt }: Moments,
  deadlineMs: number,
  concerned: (call: CallRecord) => boolean,
): Figures {
  const since = calls.filter(({ ended }) => ended >= harmedAt);
  const atEnd = calls.filter(({ began }) => began >= endedAt - wellMs && began < endedAt);
  const count = (outcome: CallRecord["outcome"]) =>
    calls.filter((call) => call.outcome === outcome).length;
  const before = memory.filter(({ at }) => at < harmedAt).map(({ bytes }) => bytes);
  const after = memory.filter(({ at }) => at >= harmedAt).map(({ bytes }) => bytes);
  return {
    gapOfPuts: gap(
      calls.filter((call) => call.kind === "put" && concerned(call)),
      harmedAt,
      endedAt,
    ),
    gapOfGets: gap(
      calls.filter((call) => call.kind === "get" && concerned(call)),
      harmedAt,
      endedAt,
    ),
    calls: calls.length,
    unsuccessful: since.filter(({ outcome }) => outcome !== "ok").length,
    longest: most(calls.map(({ began, ended }) => ended - began)),
    late: most(calls.map((call) => lateness(call, deadlineMs, blockages))),
    blocked: most(blockages.map(({ from, to }) => to - from)),
    memoryGrowth: most(after.map((bytes) => bytes - most(before))),
    wrong: count("wrong"),
    unhandled: unhandled.length,
    open: count("open"),
    heldBack,
    back: atEnd.length > 0 && atEnd.every(({ outcome }) => outcome === "ok"),
  };
}

function gap(calls: readonly CallRecord[], harmedAt: number, endedAt: number): number | undefined {
  const successes = calls
    .filter(({ outcome, ended }) => outcome === "ok" && ended <= endedAt)
    .map(({ ended }) => ended)
    .toSorted((a, b) => a - b);
  if ((successes.at(-1) ?? 0) < harmedAt) return undefined;
  let longest = 0;
  for (const [at, ended] of [...successes, endedAt].entries())
    if (at > 0 && ended >= harmedAt) longest = Math.max(longest, ended - successes[at - 1]);
  return longest;
}

/** Timers wait while the process is blocked; nobody could have ended the call then. */
function lateness(
  { began, ended }: CallRecord,
  deadlineMs: number,
  blockages: readonly Blockage[],
): number {
  const due = began + deadlineMs;
  if (ended <= due) return 0;
  return blockages.reduce(
    (late, { from, to }) => late - Math.max(Math.min(to, ended) - Math.max(from, due), 0),
    ended - due,
  );
}

function most(values: readonly number[]): number {
  return values.reduce((longest, value) => Math.max(longest, value), 0);
}
