import { median } from "../support/stats.ts";
import type { Cell } from "./cells.ts";
import type { ClientSamples } from "./samples.ts";
import type { TrialResult } from "./trial.ts";

const ours = "keepwarm";
const intoMemory = "keepwarm getInto";
const nodeLibraries = ["ioredis", "iovalkey", "@redis/client", "valkey-glide"];
export const redisPy = "redis-py, hiredis";
export const seed = "seed-shaped";
const everybody = [...nodeLibraries, redisPy];

type Figure = keyof TrialResult;

interface Goal {
  readonly text: string;
  readonly cells: (cell: Cell) => boolean;
  readonly subject: string;
  readonly peers: readonly string[];
  readonly figure: Figure;
  /** Whether the ratio to the best peer has to be at least this; else at most. */
  readonly least: boolean;
  readonly bound: number;
}

const large = ({ bytes, batch }: Cell): boolean => bytes >= 1024 ** 2 && batch === 1;

const goals: readonly Goal[] = [
  {
    text: "GET into reused memory, 1 MiB and above: at least 1.7x the best Node library",
    cells: (cell) => cell.operation === "get" && large(cell),
    subject: intoMemory,
    peers: nodeLibraries,
    figure: "gbPerSecond",
    least: true,
    bound: 1.7,
  },
  {
    text: "the same: at most 0.5x of its CPU",
    cells: (cell) => cell.operation === "get" && large(cell),
    subject: intoMemory,
    peers: nodeLibraries,
    figure: "cpuPerGb",
    least: false,
    bound: 0.5,
  },
  {
    text: "GET into reused memory: at least 1.0x redis-py with hiredis",
    cells: ({ operation, batch }) => operation === "get" && batch === 1,
    subject: intoMemory,
    peers: [redisPy],
    figure: "gbPerSecond",
    least: true,
    bound: 1,
  },
  {
    text: "SET, eight in flight: level with the best (at least 0.95x)",
    cells: ({ operation, inFlight }) => operation === "set" && inFlight === 8,
    subject: ours,
    peers: everybody,
    figure: "gbPerSecond",
    least: true,
    bound: 0.95,
  },
  {
    text: "GET of 128 x 1 MiB: at least 3x the seed-shaped client",
    cells: ({ operation, batch, bytes }) => operation === "get" && batch > 1 && bytes === 1024 ** 2,
    subject: intoMemory,
    peers: [seed],
    figure: "gbPerSecond",
    least: true,
    bound: 3,
  },
];

/** `"met: … (closest: GET 1MiB c1 2.10x)"` for each goal. */
export function verdicts(cells: readonly Cell[], samples: ClientSamples): string[] {
  return goals.map((goal) => {
    const ratios = cells.filter(goal.cells).flatMap(({ name }) => {
      const ratio = ratioOf(goal, samples.get(name));
      return ratio === undefined ? [] : [{ name, ratio }];
    });
    if (ratios.length === 0) return `not measured: ${goal.text}`;
    const good = ({ ratio }: { ratio: number }) =>
      goal.least ? ratio >= goal.bound : ratio <= goal.bound;
    const bad = ratios.filter((each) => !good(each));
    const sorted = ratios.toSorted((a, b) => (goal.least ? a.ratio - b.ratio : b.ratio - a.ratio));
    const shown = (bad.length > 0 ? bad : sorted.slice(0, 1))
      .map(({ name, ratio }) => `${name} ${ratio.toFixed(2)}x`)
      .join(", ");
    return bad.length > 0
      ? `missed in ${bad.length} of ${ratios.length}: ${goal.text} (${shown})`
      : `met: ${goal.text} (closest: ${shown})`;
  });
}

/** Our median over the best of the peers, where both were measured. */
function ratioOf(
  { subject, peers, figure, least }: Goal,
  results: ReadonlyMap<string, readonly TrialResult[]> | undefined,
): number | undefined {
  const of = (name: string): number[] => {
    const trials = results?.get(name) ?? [];
    return trials.length === 0 ? [] : [median(trials.map((trial) => trial[figure]))];
  };
  const [own] = of(subject);
  const others = peers.flatMap(of);
  if (own === undefined || others.length === 0) return undefined;
  return own / (least ? Math.max(...others) : Math.min(...others));
}
