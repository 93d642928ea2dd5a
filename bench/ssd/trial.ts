import { median } from "../support/stats.ts";

/** What one trial of reading or writing blocks came to. */
export interface Trial {
  readonly bytes: number;
  readonly seconds: number;
  readonly p99Ms: number;
  /** CPU seconds of the process that moved the blocks, all its threads. */
  readonly cpuSeconds: number;
}

/** The medians of the trials of one contender in one cell. */
export interface Figures {
  readonly gigabytesPerSecond: number;
  readonly p99Ms: number;
  readonly cpuSecondsPerGigabyte: number;
  readonly trials: readonly Trial[];
}

export function figuresOf(trials: readonly Trial[]): Figures {
  return {
    gigabytesPerSecond: median(trials.map(rate)),
    p99Ms: median(trials.map(({ p99Ms }) => p99Ms)),
    cpuSecondsPerGigabyte: median(
      trials.map(({ cpuSeconds, bytes }) => cpuSeconds / (bytes / 1e9)),
    ),
    trials,
  };
}

/** The median over rounds of the first's rate over the second's. */
export function ratioOf(first: readonly Trial[], second: readonly Trial[]): number {
  return median(first.map((trial, round) => rate(trial) / rate(second[round])));
}

function rate({ bytes, seconds }: Trial): number {
  return bytes / 1e9 / seconds;
}

/**
 * Keeps `depth` calls of `moveOne` under way for a while, in this process.
 *
 * @param moveOne moves one block and answers how many bytes that were
 * @param finish what belongs to the work but comes at its end, such as waiting for the disk
 */
export async function runTrial(
  { depth, seconds }: { readonly depth: number; readonly seconds: number },
  moveOne: () => Promise<number>,
  finish: () => Promise<void> = async () => undefined,
): Promise<Trial> {
  const latencies: number[] = [];
  let bytes = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + seconds * 1000;
  const lane = async () => {
    for (let now = began; now < end;) {
      const moved = await moveOne();
      bytes += moved;
      const later = performance.now();
      latencies.push(later - now);
      now = later;
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  await finish();
  const elapsed = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    bytes,
    seconds: elapsed,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    cpuSeconds: (user + system) / 1e6,
  };
}
