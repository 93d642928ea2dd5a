import type { Histogram } from "../../observe/histogram.ts";
import { formatDuration } from "../../util/units.ts";

/** Latencies of one kind of operation, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function latencySummary(histogram: Histogram): LatencySummary {
  return {
    count: histogram.count,
    p50Ms: histogram.quantileMs(0.5),
    p99Ms: histogram.quantileMs(0.99),
    maxMs: histogram.maxMs,
  };
}

/** `p50 0.12 ms, p99 0.9 ms`, or a dash when nothing was measured. */
export function formatLatency({ count, p50Ms, p99Ms }: LatencySummary): string {
  return count === 0 ? "-" : `p50 ${formatDuration(p50Ms)}, p99 ${formatDuration(p99Ms)}`;
}

/** Decimal gigabytes per second, as links and memory are measured. */
export function gigabytesPerSecond(bytes: number, ms: number): number {
  return ms === 0 ? 0 : bytes / 1e6 / ms;
}
