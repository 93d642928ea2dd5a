import { join } from "node:path";
import { markdownTable } from "../support/markdown.ts";
import { Progress } from "../support/progress.ts";
import { shuffled } from "../support/stats.ts";
import { chooseDiskCells, type DiskCell } from "./cells.ts";
import { Fio } from "./fio.ts";
import type { Surroundings } from "./surroundings.ts";
import { Slots } from "./slots.ts";
import { TierKeeper } from "./tier-keeper.ts";
import { figuresOf, ratioOf, runTrial, type Figures, type Trial } from "./trial.ts";

/** The tier and fio in one cell. */
interface DiskResult {
  readonly cell: DiskCell;
  readonly tier: Figures;
  readonly fio: Figures;
  /** The tier's rate over fio's, the median of the rounds' ratios. */
  readonly ratio: number;
}

export interface DiskResults {
  readonly fio: string;
  readonly capacityBytes: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly cells: readonly DiskResult[];
}

const wantedRatio = 0.85;
const wantedCpu = 0.2;
const goalFromBytes = 1024 ** 2;
const fillDepth = 16;

/** Reads and writes of the tier beside fio, in turns. */
export async function measureDisk(around: Surroundings): Promise<DiskResults> {
  const { directory, rounds, seconds, diskBytes: capacityBytes } = around;
  const chosen = chooseDiskCells(around.cells);
  const fio = await Fio.open(directory, capacityBytes);
  const progress = new Progress(chosen.length * rounds * 2);
  const cells: DiskResult[] = [];
  for (const group of groups(chosen)) {
    const [{ size, direct }] = group;
    let depth = fillDepth;
    const place = join(directory, "tier");
    const slots = new Slots(size, fillDepth);
    await using tier = await TierKeeper.open(
      place,
      slots,
      size,
      capacityBytes,
      direct,
      () => depth,
    );
    await fill(tier, Math.ceil(capacityBytes / size));
    for (const cell of group) {
      const trials: Record<"tier" | "fio", Trial[]> = { tier: [], fio: [] };
      for (let round = 0; round < rounds; round++)
        for (const name of shuffled(["tier", "fio"] as const)) {
          progress.step(`${cell.name}, round ${round + 1} of ${rounds}, ${name}`);
          depth = cell.depth;
          trials[name].push(
            await (name === "fio" ? fio.trial(cell, seconds) : trial(tier, cell, seconds)),
          );
        }
      const result = {
        cell,
        tier: figuresOf(trials.tier),
        fio: figuresOf(trials.fio),
        ratio: ratioOf(trials.tier, trials.fio),
      };
      cells.push(result);
      progress.line(row(result).join("  "));
    }
  }
  return { fio: await fio.version(), capacityBytes, rounds, seconds, cells };
}

/** All of the disk holds blocks of this size, so that from now on space must be made. */
async function fill(tier: TierKeeper, blocks: number): Promise<void> {
  let left = blocks;
  const lane = async () => {
    while (left-- > 0) await tier.write();
  };
  await Promise.all(Array.from({ length: fillDepth }, lane));
  await tier.flush();
}

async function trial(tier: TierKeeper, { op, depth }: DiskCell, seconds: number): Promise<Trial> {
  if (op === "read") {
    await tier.forgetCache();
    return runTrial({ depth, seconds }, () => tier.read());
  }
  const written = await runTrial({ depth, seconds }, () => tier.write());
  await tier.flush();
  return written;
}

export function renderDisk({ cells, fio, capacityBytes, rounds, seconds }: DiskResults): string {
  const goals = cells.filter(({ cell }) => cell.size >= goalFromBytes && cell.direct);
  const slow = goals.filter(({ ratio }) => Math.round(ratio * 100) / 100 < wantedRatio);
  const dear = goals.filter(({ tier }) => tier.cpuSecondsPerGigabyte > wantedCpu + 0.005);
  return [
    "## Reads and writes beside fio",
    `${rounds} interleaved rounds of ${seconds} s; ${capacityBytes / 1024 ** 3} GiB on disk, full; ${fio}. ` +
      "d: blocks under way. In brackets the tier's rate over fio's, the median of the rounds' ratios. " +
      "s/GB: CPU of the process.",
    markdownTable(
      ["", "tier GB/s", "fio GB/s", "p99 ms", "fio p99", "s/GB", "fio s/GB"],
      cells.map(row),
    ),
    [
      verdict(`O_DIRECT from 1 MiB: at least ${wantedRatio}x fio`, goals, slow),
      verdict(`O_DIRECT from 1 MiB: at most ${wantedCpu} CPU seconds a GB`, goals, dear),
    ].join("\n"),
  ].join("\n\n");
}

function verdict(text: string, all: readonly DiskResult[], missed: readonly DiskResult[]): string {
  if (all.length === 0) return `- not measured: ${text}`;
  if (missed.length === 0) return `- met: ${text}`;
  const names = missed.map(({ cell }) => cell.name.replace(" direct", ""));
  return `- missed: ${text} (${missed.length} of ${all.length} cells: ${names.join(", ")})`;
}

function row({ cell, tier, fio, ratio }: DiskResult): string[] {
  return [
    cell.name,
    `${tier.gigabytesPerSecond.toFixed(2)} (${ratio.toFixed(2)}x)`,
    fio.gigabytesPerSecond.toFixed(2),
    tier.p99Ms.toFixed(1),
    fio.p99Ms.toFixed(1),
    tier.cpuSecondsPerGigabyte.toFixed(3),
    fio.cpuSecondsPerGigabyte.toFixed(3),
  ];
}

/** Cells that one open tier can serve. */
function groups(cells: readonly DiskCell[]): DiskCell[][] {
  const bySetup = new Map<string, DiskCell[]>();
  for (const cell of cells) {
    const setup = `${cell.size} ${cell.direct}`;
    bySetup.set(setup, [...(bySetup.get(setup) ?? []), cell]);
  }
  return [...bySetup.values()];
}
