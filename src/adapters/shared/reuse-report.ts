import type { TierTokens } from "../../engine/types.ts";
import type { ReuseReason, ReuseReport } from "./report.ts";

/** What is known of a prompt's reuse; what is left out is nothing. */
export interface ReuseFacts {
  readonly promptTokens: number;
  readonly residentTokens?: number;
  readonly restoredTokens?: number;
  readonly bytes?: number;
  readonly tiers?: readonly TierTokens[];
  readonly times?: Partial<Omit<ReuseReport["times"], "totalMs">>;
  readonly reason?: ReuseReason | undefined;
  /** When it began, by `performance.now()`. */
  readonly began: number;
}

export function reuseReport(facts: ReuseFacts): ReuseReport {
  const { promptTokens, residentTokens = 0, restoredTokens = 0, bytes = 0, tiers = [] } = facts;
  const reusedTokens = Math.max(residentTokens, restoredTokens);
  const whole = reusedTokens >= promptTokens && promptTokens > 0;
  const most = tiers.toSorted((one, other) => other.tokens - one.tokens)[0];
  return {
    status: whole ? "HIT" : reusedTokens > 0 ? "PARTIAL" : "MISS",
    promptTokens,
    reusedTokens,
    residentTokens,
    restoredTokens,
    bytes,
    tiers,
    tier: most?.tier,
    times: {
      findMs: 0,
      fetchMs: 0,
      assembleMs: 0,
      restoreMs: 0,
      ...facts.times,
      totalMs: performance.now() - facts.began,
    },
    reason: whole ? undefined : facts.reason,
  };
}
