import type { NoCall } from "./calls.ts";
import type { Fetch } from "./fetcher.ts";
import type { FoundChunk } from "./finder.ts";
import type {
  ChunkOutcome,
  LookupResult,
  MissReason,
  RetrieveResult,
  StoreResult,
  TierTokens,
  TokenRange,
} from "./types.ts";

const meaning = {
  busy: { status: "SKIPPED", reason: "busy" },
  closed: { status: "SKIPPED", reason: "closed" },
  timeout: { status: "FAILED", reason: "timeout" },
  "store-failed": { status: "FAILED", reason: "failed" },
} as const;

/** What is known of `wanted` tokens when the first `prefixTokens` are there. */
export function lookupResult(
  wanted: number,
  prefixTokens: number,
  found: readonly FoundChunk[],
  reason: MissReason,
): LookupResult {
  const tiers = tiersOf(found, prefixTokens);
  if (prefixTokens >= wanted && wanted > 0) return { status: "HIT", prefixTokens, tiers };
  const status = prefixTokens === 0 ? "MISS" : "PARTIAL";
  return { status, prefixTokens, tiers, missing: { start: prefixTokens, end: wanted }, reason };
}

/** The outcomes of a store that was given up: what was not settled by then has the reason. */
export function unsettled(
  names: readonly TokenRange[],
  outcomes: readonly ChunkOutcome[],
  problem: NoCall,
): ChunkOutcome[] {
  const settled = new Set(outcomes.map(({ end }) => end));
  const others = names.filter(({ end }) => !settled.has(end));
  return [...outcomes, ...others.map(({ start, end }) => ({ start, end, ...meaning[problem] }))];
}

export function storeResult(outcomes: readonly ChunkOutcome[]): StoreResult {
  const ordered = outcomes.toSorted((one, other) => one.end - other.end);
  const stored = ordered.filter((outcome) => outcome.status === "STORED");
  const others = ordered.filter((outcome) => outcome.status !== "STORED");
  const failed = others.find(({ status }) => status === "FAILED");
  return {
    status: stored.length > 0 ? "STORED" : failed === undefined ? "SKIPPED" : "FAILED",
    reason: (failed ?? others[0])?.reason,
    outcomes: ordered,
    storedTokens: stored.reduce((sum, { start, end }) => sum + end - start, 0),
    storedBytes: stored.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function tiersOf(found: readonly FoundChunk[], prefixTokens: number): TierTokens[] {
  const tokens = new Map<string, number>();
  for (const { tier, start, end } of found) {
    const used = Math.min(end, prefixTokens) - start;
    if (used > 0) tokens.set(tier, (tokens.get(tier) ?? 0) + used);
  }
  return [...tokens].map(([tier, count]) => ({ tier, tokens: count }));
}

/** What a lookup says, with the values that were fetched. */
export function retrieveResult(
  result: LookupResult,
  fetch: Fetch,
  times: RetrieveResult["times"],
): RetrieveResult {
  const { chunks, bytes } = fetch;
  const release = (): void => fetch.release();
  return { ...result, chunks, bytes, times, release, [Symbol.dispose]: release };
}
