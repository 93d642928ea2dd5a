import type { KvEngineOptions } from "./types.ts";

type Numbers = Record<
  "chunkSize" | "keyspace" | "deadlineMs" | "storeDeadlineMs" | "concurrency" | "queueCalls",
  number
>;

/** Options with their defaults filled in. */
export interface EngineSettings extends Readonly<Numbers> {
  readonly queueBytes: number;
  readonly ttlMs: number | undefined;
}

/** Least and most that a whole number may be, and what it is by itself. */
const numbers: Readonly<Record<keyof Numbers, readonly [least: number, most: number, by: number]>> =
  {
    chunkSize: [1, 2 ** 24, 32],
    keyspace: [0, 255, 0],
    deadlineMs: [1, 3_600_000, 2000],
    storeDeadlineMs: [1, 3_600_000, 30_000],
    concurrency: [1, 1024, 4],
    queueCalls: [0, 2 ** 24, 1024],
  };
const defaultQueueBytes = 256 * 1024 ** 2;

/** @throws TypeError for numbers out of their range. */
export function settingsOf(options: KvEngineOptions): EngineSettings {
  const { queueBytes = defaultQueueBytes, ttlMs } = options;
  if (!(queueBytes >= 0))
    throw new TypeError(`queueBytes is ${queueBytes}: it must not be below 0`);
  if (ttlMs !== undefined && !(ttlMs > 0))
    throw new TypeError(`ttlMs is ${ttlMs}: it must be above 0`);
  const settled = Object.fromEntries(
    Object.entries(numbers).map(([name, [least, most, by]]) => {
      const value = options[name as keyof Numbers] ?? by;
      if (!Number.isInteger(value) || value < least || value > most)
        throw new TypeError(`${name} is ${value}: it must be a whole number, ${least} to ${most}`);
      return [name, value];
    }),
  ) as Numbers;
  return { ...settled, queueBytes, ttlMs };
}
