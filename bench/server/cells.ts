import { KeepwarmError } from "../../src/errors.ts";
import type { Operation } from "../support/load.ts";

const kib = 1024;
const mib = 1024 ** 2;
/** The values of one size together, so that no cache of the CPU holds them all. */
const spreadBytes = 64 * mib;

/** One square of the comparison: what is asked of every peer in the same way. */
export interface Cell {
  /** Such as `"SET 1MiB c8"` or `"GET 1KiB P16 c1"`. */
  readonly name: string;
  readonly op: Operation;
  /** Bytes of a value. */
  readonly size: number;
  readonly connections: number;
  readonly pipeline: number;
  readonly keys: number;
}

/** Big values are measured in bytes per second, pipelined small commands in commands. */
export function isSmall(cell: Cell): boolean {
  return cell.pipeline > 1;
}

const sizes = [kib, 64 * kib, 256 * kib, mib, 4 * mib, 7 * mib];
const valueOperations = ["SET", "GET"] as const;
const smallOperations = ["PING", "EXISTS", "SET", "GET"] as const;
const connectionCounts = [1, 8];
const valueless: ReadonlySet<Operation> = new Set(["PING", "EXISTS"]);

export const loadCells: readonly Cell[] = [
  ...sizes.flatMap((size) =>
    valueOperations.flatMap((op) => connectionCounts.map((count) => cell(op, size, count, 1))),
  ),
  ...smallOperations.flatMap((op) => connectionCounts.map((count) => cell(op, kib, count, 16))),
];

/** What redis-benchmark drives as well, as a second witness. */
export const redisBenchmarkCells: readonly Cell[] = [
  ...connectionCounts.map((count) => cell("PING", kib, count, 16)),
  ...valueOperations.flatMap((op) => connectionCounts.map((count) => cell(op, kib, count, 16))),
  ...valueOperations.flatMap((op) => connectionCounts.map((count) => cell(op, mib, count, 1))),
];

/**
 * The cells whose names contain all words of one of the comma-separated phrases.
 *
 * @param filter such as `"SET 1MiB c8, GET 4MiB"`; `undefined` for all
 */
export function chooseCells(cells: readonly Cell[], filter: string | undefined): readonly Cell[] {
  if (filter === undefined) return cells;
  const phrases = filter.split(",").map((phrase) => words(phrase));
  return cells.filter((cell) => {
    const have = words(cell.name);
    return phrases.some((phrase) => phrase.every((word) => have.includes(word)));
  });
}

/** @throws KeepwarmError `NOT_FOUND` when a filter left nothing to measure */
export function requireCells(cells: readonly Cell[], filter: string | undefined): void {
  if (cells.length > 0) return;
  throw new KeepwarmError("NOT_FOUND", `No cell is called ${JSON.stringify(filter)}`, {
    remedy: `Write words of a name such as "${loadCells[0].name}" or "PING P16 c8".`,
  });
}

function words(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

function cell(op: Operation, size: number, connections: number, pipeline: number): Cell {
  const amount = size < mib ? `${size / kib}KiB` : `${size / mib}MiB`;
  const parts = [op, valueless.has(op) ? "" : amount, pipeline > 1 ? `P${pipeline}` : ""];
  return {
    name: [...parts, `c${connections}`].filter(Boolean).join(" "),
    op,
    size,
    connections,
    pipeline,
    keys: Math.max(1, Math.floor(spreadBytes / size)),
  };
}
