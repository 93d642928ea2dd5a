import type { StoreStats } from "../../store/contract.ts";
import type { Histogram } from "../../observe/histogram.ts";
import type { Commands } from "./commands.ts";
import type { StoreCounters } from "./counters.ts";
import type { NodeStats } from "./node.ts";
import type { ValkeyServerStats } from "./server-stats.ts";

/** Durations of whole batches since the store began, in milliseconds. */
export interface DurationStats {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface ValkeyStoreStats extends StoreStats {
  /** Blocks that were there and failed their check; they count as misses too. */
  readonly damaged: number;
  /** Blocks that could not be asked for; they count as misses too. */
  readonly failedReads: number;
  /** Blocks whose writing failed; they count as rejected too. */
  readonly failedWrites: number;
  /** Look-ups and deletions that failed and were answered with no. */
  readonly failedLookups: number;
  /** Redirections of a cluster or to another primary that were followed. */
  readonly redirected: number;
  /** Calls made again since their connection broke. */
  readonly retried: number;
  readonly lastError: string | undefined;
  readonly get: DurationStats;
  readonly put: DurationStats;
  readonly match: DurationStats;
  /** The servers as they are now. */
  readonly servers: readonly NodeStats[];
}

export function summarize(
  name: string,
  counters: StoreCounters,
  server: ValkeyServerStats,
  nodes: readonly NodeStats[],
  { redirected, retried }: Commands,
): ValkeyStoreStats {
  const { hits, misses, hitBytes, stored, storedBytes, rejected } = counters;
  const { damaged, failedReads, failedWrites, failedLookups } = counters;
  const lastError =
    nodes.find(({ breaker }) => breaker === "open")?.lastError ?? counters.lastError;
  return {
    name,
    capacityBytes: Math.max(server.memoryLimit || Infinity, server.memoryUsed),
    usedBytes: server.memoryUsed,
    valueBytes: server.memoryUsed,
    blocks: server.keyCount,
    hits,
    misses,
    hitBytes,
    stored,
    storedBytes,
    evicted: server.evictedKeys,
    evictedBytes: 0,
    expired: server.expiredKeys,
    rejected,
    damaged,
    failedReads,
    failedWrites,
    failedLookups,
    redirected,
    retried,
    lastError,
    get: durations(counters.get),
    put: durations(counters.put),
    match: durations(counters.match),
    servers: nodes,
  };
}

function durations(histogram: Histogram): DurationStats {
  return {
    count: histogram.count,
    p50Ms: histogram.quantileMs(0.5),
    p99Ms: histogram.quantileMs(0.99),
    maxMs: histogram.maxMs,
  };
}
