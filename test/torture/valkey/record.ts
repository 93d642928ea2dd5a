import type { Blockage } from "../../support/heartbeat.ts";

/** What a client's process tells of a run. Times are milliseconds of the machine's clock. */

export type CallKind = "put" | "get" | "has";

/** How a call ended. `ok`: stored, or there and right; `open`: not at all. */
export type Outcome = "ok" | "miss" | "failed" | "wrong" | "open";

export interface CallRecord {
  readonly kind: CallKind;
  /** Which key; the first of them for `has`. */
  readonly index: number;
  readonly began: number;
  ended: number;
  outcome: Outcome;
}

export interface RunRecord {
  readonly calls: readonly CallRecord[];
  readonly blockages: readonly Blockage[];
  /** Resident memory, now and then. */
  readonly memory: readonly { readonly at: number; readonly bytes: number }[];
  /** Messages of rejections that nobody handled. */
  readonly unhandled: readonly string[];
  /** Calls that were not made because too many were open. */
  readonly heldBack: number;
  /** Why calls failed, and how often. */
  readonly failures: Readonly<Record<string, number>>;
}
