import { join } from "node:path";
import { KeepwarmError } from "../../src/errors.ts";
import { startKeepwarm } from "../support/keepwarm.ts";
import { LoadProgram, type LoadResult } from "../support/load.ts";
import { markdownTable } from "../support/markdown.ts";
import { Progress } from "../support/progress.ts";
import { RunningServers, type RunningServer } from "../support/running-server.ts";
import { median, shuffled } from "../support/stats.ts";
import { sizeName } from "./cells.ts";
import { Fio } from "./fio.ts";
import type { Surroundings } from "./surroundings.ts";

const mib = 1024 ** 2;
const situations = [
  "idle",
  "other program",
  "other program, no tier",
  "other client, RAM",
  "other client, disk",
] as const;
type Situation = (typeof situations)[number];
const withoutTier = new Set<Situation>(["other program, no tier", "other client, RAM"]);

interface FrontResult {
  readonly size: number;
  readonly situation: Situation;
  readonly p50us: number;
  readonly p99us: number;
  /** p99 over that of the same round without other load; the median. */
  readonly ratio: number;
  /** p99 over that of the same round with the same other load and a server without a disk; the median. */
  readonly overRam: number;
  /** Bytes a second of the other load. */
  readonly otherRate: number;
}

export interface FrontResults {
  readonly rows: readonly FrontResult[];
}

/** Blocks that stay in RAM: one connection reads them at random. */
const hot = [
  { size: 64 * 1024, keys: 512 },
  { size: mib, keys: 64 },
];
/** Another client's blocks, three times as many as RAM holds. Another length, so that keys differ. */
const cold = { size: 1_000_000, keys: 3000 };
const ssdBytes = 4 * 1024 ** 3;
const wantedRatio = 1.3;

/** How long a GET of a block in RAM takes while the disk works, and while it does not. */
export async function measureFront(
  around: Surroundings,
  loadProgram: string,
): Promise<FrontResults> {
  const { directory, rounds, seconds } = around;
  const fio = await Fio.open(directory, mib * 1024);
  await using running = new RunningServers();
  const disk = ["--ssd-dir", join(directory, "front"), "--ssd-size", String(ssdBytes)];
  const withDisk = await startKeepwarm({ flags: ["--ram-size", "1GiB", ...disk] });
  running.set("with a disk", withDisk);
  const withoutDisk = await startKeepwarm({ flags: ["--ram-size", "1GiB"] });
  running.set("without", withoutDisk);
  await using reader = new LoadProgram(loadProgram);
  await using other = new LoadProgram(loadProgram);
  for (const { port } of [withDisk, withoutDisk])
    for (const blocks of [cold, ...hot]) await reader.run({ op: "FILL", ...blocks, port });

  const situation: Record<Situation, () => Other> = {
    idle: () => ({ server: withDisk, rate: Promise.resolve(0) }),
    "other program": () => ({ server: withDisk, rate: byFio(fio, seconds) }),
    "other program, no tier": () => ({ server: withoutDisk, rate: byFio(fio, seconds) }),
    "other client, RAM": () => ({
      server: withoutDisk,
      rate: byClient(other, withoutDisk, seconds),
    }),
    "other client, disk": () => ({ server: withDisk, rate: byClient(other, withDisk, seconds) }),
  };
  const progress = new Progress(hot.length * rounds * situations.length);
  const rows: FrontResult[] = [];
  for (const blocks of hot) {
    const found = new Map<Situation, { reads: LoadResult; rate: number }[]>();
    for (let round = 0; round < rounds; round++)
      for (const name of shuffled(situations)) {
        progress.step(`GET ${sizeName(blocks.size)}, round ${round + 1} of ${rounds}, ${name}`);
        const home = withoutTier.has(name) ? withoutDisk : withDisk;
        await reader.run({ op: "FILL", ...blocks, port: home.port });
        const { server, rate } = situation[name]();
        const words = { op: "GET", ...blocks, port: server.port } as const;
        const reads = await reader.run({ ...words, seconds: seconds * 0.8, warmup: seconds * 0.1 });
        if (reads.errors + reads.mismatches > 0)
          throw new KeepwarmError(
            "PROTOCOL",
            `GET ${blocks.size}: ${reads.error || "wrong bytes"}`,
          );
        if (reads.missing > 0) progress.line(`${reads.missing} of ${reads.ops} not in the store`);
        found.set(name, [...(found.get(name) ?? []), { reads, rate: await rate }]);
      }
    const idle = found.get("idle")!;
    const inRam = (name: Situation) =>
      found.get(name.startsWith("other program") ? "other program, no tier" : "other client, RAM")!;
    for (const name of situations) {
      const trials = found.get(name)!;
      rows.push({
        size: blocks.size,
        situation: name,
        p50us: median(trials.map(({ reads }) => reads.p50us)),
        p99us: median(trials.map(({ reads }) => reads.p99us)),
        ratio: median(trials.map(({ reads }, at) => reads.p99us / idle[at].reads.p99us)),
        overRam: median(trials.map(({ reads }, at) => reads.p99us / inRam(name)[at].reads.p99us)),
        otherRate: median(trials.map(({ rate }) => rate)),
      });
      progress.line(line(rows.at(-1)!).join("  "));
    }
  }
  return { rows };
}

export function renderFront({ rows }: FrontResults): string {
  return [
    "## RAM hits while the disk works",
    "GET by one connection, blocks in RAM. Other program: fio (nice 19) reads 1 MiB blocks from the same disk, four at a time; no tier: " +
      "the same with a server that has no disk, which shows what the machine's two cores make of it. Other " +
      "client: two connections SET and GET blocks of 1 MB, three times as many as RAM holds, of a server with a disk, " +
      "and of one without: the difference is what the disk adds; the rest is the event loop, which both share. In " +
      "brackets p99 over that of the same round of an idle server, the median.",
    markdownTable(["", "", "p50 us", "p99 us", "other GB/s"], rows.map(line)),
    [
      verdict(
        "another program keeps the disk busy: p99 at most 1.3x of idle",
        rows,
        "other program",
        "ratio",
      ),
      verdict(
        "the same: at most 1.3x of a server without a disk",
        rows,
        "other program",
        "overRam",
      ),
      verdict(
        "another client keeps the disk busy: the same",
        rows,
        "other client, disk",
        "overRam",
      ),
    ].join("\n"),
  ].join("\n\n");
}

function verdict(
  text: string,
  rows: readonly FrontResult[],
  situation: Situation,
  figure: "ratio" | "overRam",
): string {
  const meant = rows.filter((row) => row.situation === situation);
  const met = meant.every((row) => Number(row[figure].toFixed(2)) <= wantedRatio);
  const each = meant.map((row) => `GET ${sizeName(row.size)} ${row[figure].toFixed(2)}x`);
  return `- ${met ? "met" : "missed"}: ${text} (${each.join(", ")})`;
}

function line({ size, situation, p50us, p99us, ratio, otherRate }: FrontResult): string[] {
  return [
    `GET ${sizeName(size)}`,
    situation,
    p50us.toFixed(0),
    `${p99us.toFixed(0)} (${ratio.toFixed(2)}x)`,
    (otherRate / 1e9).toFixed(2),
  ];
}

interface Other {
  readonly server: RunningServer;
  /** Resolves when the other load has ended. */
  readonly rate: Promise<number>;
}

async function byFio(fio: Fio, seconds: number): Promise<number> {
  const trial = await fio.readOwn(mib, 4, seconds + 0.5);
  return trial.bytes / trial.seconds;
}

async function byClient(
  load: LoadProgram,
  { port }: RunningServer,
  seconds: number,
): Promise<number> {
  const result = await load.run({ op: "MIXED", ...cold, connections: 2, port, seconds });
  return result.bytesPerSecond;
}
