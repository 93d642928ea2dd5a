import { formatBytes } from "../../src/util/units.ts";

/** What is measured. */
export interface Cell {
  readonly name: string;
  readonly operation: "set" | "get";
  readonly bytes: number;
  /** Calls that wait at the same time. */
  readonly inFlight: number;
  /** Values a call. */
  readonly batch: number;
}

const KIB = 1024;
const MIB = 1024 ** 2;

const sizes = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB];
const batchSizes = [64 * KIB, MIB, 8 * MIB];
/** Beyond this a single call is as long as a trial: two of them tell enough, and nothing warms up. */
const longBatchBytes = 512 * MIB;
const roundsOfLongBatches = 2;

function cellOf(operation: "set" | "get", bytes: number, inFlight: number, batch: number): Cell {
  const mode = batch > 1 ? `b${batch}` : `c${inFlight}`;
  const name = `${operation.toUpperCase()} ${formatBytes(bytes).replace(" ", "")} ${mode}`;
  return { name, operation, bytes, inFlight, batch };
}

export const clientCells: readonly Cell[] = (["set", "get"] as const).flatMap((operation) => [
  ...sizes.flatMap((bytes) => [1, 8].map((inFlight) => cellOf(operation, bytes, inFlight, 1))),
  ...batchSizes.map((bytes) => cellOf(operation, bytes, 1, 128)),
]);

/** Whether one call of a cell takes as long as a trial. */
export function isLong({ batch, bytes }: Cell): boolean {
  return batch * bytes > longBatchBytes;
}

/** Whether a cell is measured in a round, counted from 0. */
export function isInRound(cell: Cell, round: number): boolean {
  return !isLong(cell) || round < roundsOfLongBatches;
}
