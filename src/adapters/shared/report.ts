import type { MissReason, TierTokens } from "../../engine/types.ts";

/** Why a runtime's state was not restored: what the engine says, or why the adapter does not try. */
export type ReuseReason =
  | MissReason
  /** The runtime already holds as much of the prompt as the store has. */
  | "resident"
  /** The model's state has no tokens that can be cut out: sliding windows, recurrent layers. */
  | "unsupported-model"
  /** The runtime's state is not laid out as this adapter knows it. */
  | "unsupported-layout"
  /** The runtime was asked for more than one plain prompt: a batch, padding, beams. */
  | "unsupported-prompt"
  /** The prompt does not fit into the runtime's context. */
  | "too-long"
  /** The runtime refused the state. */
  | "restore-failed";

/** What was reused for one prompt, and what it cost. */
export interface ReuseReport {
  /** HIT: all tokens that can be restored were; the runtime always evaluates at least one. */
  readonly status: "HIT" | "PARTIAL" | "MISS";
  /** Tokens of the prompt that were to be brought into the runtime's state. */
  readonly promptTokens: number;
  /** Leading tokens of them that need no evaluation, those that the runtime held anyway included. */
  readonly reusedTokens: number;
  /** Leading tokens of them that the runtime held before anything was restored. */
  readonly residentTokens: number;
  /** Leading tokens of them that came from the store; 0 if nothing was restored. */
  readonly restoredTokens: number;
  /** Bytes of the values that came from the store. */
  readonly bytes: number;
  /** Which tier had how many tokens, nearest first. */
  readonly tiers: readonly TierTokens[];
  /** The tier that had most of them. */
  readonly tier: string | undefined;
  /** Milliseconds: asking what is there, bringing it, putting it together, the runtime reading it. */
  readonly times: {
    readonly findMs: number;
    readonly fetchMs: number;
    readonly assembleMs: number;
    readonly restoreMs: number;
    readonly totalMs: number;
  };
  /** Why not all tokens were restored; nothing for a HIT. */
  readonly reason: ReuseReason | undefined;
}

/** What was stored behind a prompt. */
export interface KeepReport {
  readonly status: "STORED" | "SKIPPED" | "FAILED";
  /** Tokens of the runtime's state that were looked at. */
  readonly tokens: number;
  readonly storedTokens: number;
  readonly storedBytes: number;
  /** Milliseconds that the runtime was busy writing its state, and that the whole took. */
  readonly times: { readonly saveMs: number; readonly totalMs: number };
  /** Why nothing, or not all, was stored. */
  readonly reason: string | undefined;
}
