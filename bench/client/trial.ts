import type { BenchClient } from "./client.ts";
import type { Cell } from "./cells.ts";

export interface TrialResult {
  /** GB (1e9 bytes of values) a second. */
  readonly gbPerSecond: number;
  /** 99th percentile of the duration of a call, in milliseconds. */
  readonly p99Ms: number;
  /** CPU seconds of the client's process a GB. */
  readonly cpuPerGb: number;
}

/** Keys are spread over about so many bytes, at least as many as are in use at a time. */
const spreadBytes = 64 * 1024 ** 2;

/** What is to be done. */
export interface TrialTask {
  readonly cell: Cell;
  /** For how long calls begin. */
  readonly seconds: number;
  /** For how long before that; 0 for not at all. */
  readonly warmUp: number;
}

/** Runs one cell. */
export async function runTrial(
  client: BenchClient,
  { cell, seconds, warmUp }: TrialTask,
): Promise<TrialResult> {
  const { bytes, batch } = cell;
  const { keys, values } = contentsOf(cell);
  if (warmUp > 0) await run(client, cell, keys, values, warmUp);
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const durations = await run(client, cell, keys, values, seconds);
  const elapsedMs = performance.now() - began;
  const { user, system } = process.cpuUsage(cpuBefore);
  const gb = (durations.length * batch * bytes) / 1e9;
  return {
    gbPerSecond: gb / (elapsedMs / 1000),
    p99Ms: durations.toSorted((a, b) => a - b)[Math.ceil(0.99 * durations.length) - 1],
    cpuPerGb: (user + system) / 1e6 / gb,
  };
}

/** Stores what GETs of a cell find: all clients but those that frame values look for the same. */
export async function store(client: BenchClient, cell: Cell): Promise<void> {
  const { keys, values } = contentsOf(cell);
  for (let at = 0; at < keys.length; at += 16)
    await client.set(keys.slice(at, at + 16), values.slice(at, at + 16));
}

function contentsOf({ bytes, batch, inFlight }: Cell): { keys: string[]; values: Buffer[] } {
  const count = Math.max(Math.floor(spreadBytes / bytes), batch * inFlight);
  const keys = Array.from({ length: count }, (_, index) => `bench:${bytes}:${index}`);
  return { keys, values: keys.map((_, index) => patternOf(index, bytes)) };
}

async function run(
  client: BenchClient,
  { operation, batch, inFlight }: Cell,
  keys: readonly string[],
  values: readonly Buffer[],
  seconds: number,
): Promise<number[]> {
  const durations: number[] = [];
  const end = performance.now() + seconds * 1000;
  let next = 0;
  const lane = async (): Promise<void> => {
    do {
      const from = next;
      next = next + 2 * batch > keys.length ? 0 : next + batch;
      const some = keys.slice(from, from + batch);
      const began = performance.now();
      if (operation === "set") await client.set(some, values.slice(from, from + batch));
      else await client.get(some, (index, value) => requireSame(value, values[from + index]));
      durations.push(performance.now() - began);
    } while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return durations;
}

/** Values differ by windows into one pattern, so that they take the memory of one. */
let pattern: Buffer | undefined;
function patternOf(index: number, bytes: number): Buffer {
  if (pattern === undefined) {
    pattern = Buffer.allocUnsafeSlow(9 * 1024 ** 2);
    for (let at = 0; at < pattern.length; at += 4)
      pattern.writeUInt32LE((at * 2654435761) >>> 0, at);
  }
  return pattern.subarray((index % 1024) * 64, (index % 1024) * 64 + bytes);
}

/** Length and both ends: the rest is compared by the tests. */
function requireSame(value: Uint8Array, expected: Buffer): void {
  const { length } = expected;
  const same =
    value.length === length &&
    expected.subarray(0, 64).equals(value.subarray(0, 64)) &&
    expected.subarray(length - 64).equals(value.subarray(length - 64));
  if (!same) throw new Error("a wrong value");
}
