import type { Answer } from "./asker.ts";

/** One line of the demo's table: a question, and how it went. */
export interface Step {
  /** The process that asked: A or B. */
  readonly process: "A" | "B";
  readonly what: string;
  readonly answer: Answer;
}

/** What `keepwarm demo --json` prints. Milliseconds, bytes. */
export interface DemoResult {
  /** The fourth question without a store, and with what the first process stored. */
  readonly ttftColdMs: number;
  readonly ttftWarmMs: number;
  readonly ttftRatio: number;
  /** Tokens of its prompt, and those of them that came from the store. */
  readonly tokens: number;
  readonly reusedTokens: number;
  /** Whether the answer is the same, token by token, with the store and without. */
  readonly identical: boolean;
  /** The very same prompt once more. */
  readonly ttftAgainMs: number;
  readonly againRatio: number;
  readonly identicalAgain: boolean;
  /** Bytes of values that came from the store for the fourth question, and the tier that they came from. */
  readonly bytes: number;
  readonly tier: string;
  readonly model: string;
  readonly randomWeights: boolean;
  /** Whether a flipped bit in a stored block was noticed; nothing without `--damage`. */
  readonly damageCaught?: boolean | undefined;
}

export interface DemoSteps {
  readonly restored: Answer;
  readonly again: Answer;
  readonly cold: Answer;
  readonly damaged: Answer | undefined;
}

export function demoResult(
  { restored, again, cold, damaged }: DemoSteps,
  model: { readonly name: string; readonly isRandom: boolean },
  tier: string,
): DemoResult {
  const ratio = (answer: Answer): number => round(cold.ttftMs / answer.ttftMs);
  const isSame = (answer: Answer): boolean => answer.said.join() === cold.said.join();
  return {
    ttftColdMs: round(cold.ttftMs),
    ttftWarmMs: round(restored.ttftMs),
    ttftRatio: ratio(restored),
    tokens: restored.tokens,
    reusedTokens: restored.reuse?.restoredTokens ?? 0,
    identical: isSame(restored),
    ttftAgainMs: round(again.ttftMs),
    againRatio: ratio(again),
    identicalAgain: isSame(again),
    bytes: restored.reuse?.bytes ?? 0,
    tier,
    model: model.name,
    randomWeights: model.isRandom,
    ...(damaged && { damageCaught: isCaught(damaged, restored) }),
  };
}

/** Whether the damage was what kept tokens from being restored that were when the block was whole. */
function isCaught({ reuse }: Answer, whole: Answer): boolean {
  const isLess = (reuse?.restoredTokens ?? 0) < (whole.reuse?.restoredTokens ?? 0);
  return isLess && reuse?.reason === "damaged";
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
