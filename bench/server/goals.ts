import { isSmall, type Cell } from "./cells.ts";
import type { CellResult } from "./results.ts";

const kib = 1024;
const mib = 1024 ** 2;

/** A goal of the project, judged on the load program's cells. Goals are news, not failures. */
interface Goal {
  readonly text: string;
  readonly peer: string;
  readonly applies: (cell: Cell) => boolean;
  /** `rate`: Keepwarm's over the peer's, at least. `cpu`: Keepwarm's CPU over the peer's, at most. */
  readonly measure: "rate" | "cpu";
  readonly bound: number;
}

export interface Verdict {
  readonly text: string;
  readonly outcome: "met" | "missed" | "not measured";
  /** Each judged cell with its ratio, the worst first. */
  readonly cells: readonly {
    readonly name: string;
    readonly ratio: number;
    readonly met: boolean;
  }[];
}

const moves = (cell: Cell) => !isSmall(cell);

const goals: readonly Goal[] = [
  {
    text: "SET and GET from 256 KiB, one connection: at least 0.9x tuned redis",
    peer: "redis-tuned",
    applies: (cell) => moves(cell) && cell.size >= 256 * kib && cell.connections === 1,
    measure: "rate",
    bound: 0.9,
  },
  {
    text: "SET and GET from 256 KiB, 8 connections: at least 1.0x tuned redis",
    peer: "redis-tuned",
    applies: (cell) => moves(cell) && cell.size >= 256 * kib && cell.connections === 8,
    measure: "rate",
    bound: 1,
  },
  {
    text: "GET of 4 and 7 MiB, 8 connections: at least 1.35x tuned redis",
    peer: "redis-tuned",
    applies: (cell) => cell.op === "GET" && cell.size >= 4 * mib && cell.connections === 8,
    measure: "rate",
    bound: 1.35,
  },
  {
    text: "SET and GET of 64 KiB: at least 0.8x tuned redis",
    peer: "redis-tuned",
    applies: (cell) => moves(cell) && cell.size === 64 * kib,
    measure: "rate",
    bound: 0.8,
  },
  {
    text: "Server CPU per GB from 1 MiB: at most 1.0x tuned redis",
    peer: "redis-tuned",
    applies: (cell) => moves(cell) && cell.size >= mib,
    measure: "cpu",
    bound: 1,
  },
  {
    text: "SET of 7 MiB: at least 3x stock redis",
    peer: "redis",
    applies: (cell) => cell.op === "SET" && cell.size === 7 * mib,
    measure: "rate",
    bound: 3,
  },
  {
    text: "Small commands, 16 in a pipeline: at least 0.5x tuned redis",
    peer: "redis-tuned",
    applies: isSmall,
    measure: "rate",
    bound: 0.5,
  },
];

export function judge(results: readonly CellResult[]): Verdict[] {
  return goals.map((goal) => {
    const cells = results
      .filter(({ driver, cell }) => driver === "load" && goal.applies(cell))
      .flatMap(({ cell, peers }) => {
        const ratio = ratioOf(goal, peers);
        if (ratio === undefined || Number.isNaN(ratio)) return [];
        return [{ name: cell.name, ratio, met: distance(goal, ratio) >= 0 }];
      })
      .toSorted((a, b) => distance(goal, a.ratio) - distance(goal, b.ratio));
    const outcome = cells.length === 0 ? "not measured" : cells[0].met ? "met" : "missed";
    return { text: goal.text, outcome, cells };
  });
}

function ratioOf(goal: Goal, peers: CellResult["peers"]): number | undefined {
  const own = peers.keepwarm;
  const other = peers[goal.peer];
  if (!own || !other || own.trouble !== undefined || other.trouble !== undefined) return undefined;
  return goal.measure === "rate" ? other.keepwarmRatio : own.serverCpu / other.serverCpu;
}

/** How far a ratio is on the good side of the goal. Two digits are all that a run can tell. */
function distance(goal: Goal, ratio: number): number {
  const rounded = Math.round(ratio * 100) / 100;
  return goal.measure === "rate" ? rounded - goal.bound : goal.bound - rounded;
}
