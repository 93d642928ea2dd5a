import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { LoadProgram } from "../support/load.ts";
import { machineFacts } from "../support/machine.ts";
import { congestionControl, runInNamespace } from "../support/namespace.ts";
import { Progress } from "../support/progress.ts";
import { RunningServers } from "../support/running-server.ts";
import { chooseCells, loadCells, redisBenchmarkCells, requireCells } from "./cells.ts";
import { gatherEquipment, type Equipment } from "./equipment.ts";
import { judge } from "./goals.ts";
import { measureLimits } from "./limits.ts";
import { LoadMeasurement } from "./measure.ts";
import { nodeVersion, type PeerSetup } from "./peers.ts";
import { measureWithRedisBenchmark } from "./redis-benchmark.ts";
import { renderJson } from "./render-json.ts";
import { cellLine, renderMarkdown, verdictLine } from "./report.ts";
import type { CellResult, ServerResults } from "./results.ts";

const resultsFolder = join(import.meta.dirname, "..", "results");
const full = { trialSeconds: 0.25, rounds: 9, redisBenchmarkRounds: 3, limitSeconds: 1 };
const quick = { trialSeconds: 0.1, rounds: 3, redisBenchmarkRounds: 0, limitSeconds: 0.3 };

interface Flags {
  readonly quick?: boolean;
  readonly seconds?: number;
  readonly rounds?: number;
  readonly only?: string;
  readonly peers?: string;
  readonly node?: string;
  readonly keepwarm?: string;
  readonly keepwarmFlags: string;
  readonly redisBenchmark: boolean;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const serverCommand = new Command("server")
  .description("Keepwarm beside Redis and Valkey under the same load")
  .option("--quick", "short trials, few rounds, no redis-benchmark: about a minute")
  .option("--seconds <n>", "length of a trial (default 0.25)", Number)
  .option("--rounds <n>", "trials per cell and server (default 9)", Number)
  .option("--only <words>", 'cells by the words of their names, such as "SET 1MiB c8, GET 4MiB"')
  .option("--peers <names>", "servers beside Keepwarm, such as redis-tuned,c-sink")
  .option("--node <path>", "the Node binary that runs Keepwarm")
  .option("--keepwarm <path>", "another build's dist/cli/main.js")
  .option("--keepwarm-flags <flags>", "flags of keepwarm serve", "--ram-size 2GiB")
  .option("--no-redis-benchmark", "leave out the second driver")
  .option("--save", "write bench/results/ also after a partial run")
  .option("--json", "print all data as JSON on stdout instead of the tables")
  .action(runServerBench);

async function runServerBench(flags: Flags): Promise<void> {
  requireCells(chooseCells(loadCells, flags.only), flags.only);
  const equipment = await gatherEquipment(flags.peers);
  const code = await runInNamespace();
  if (code !== undefined) process.exitCode = code;
  else await measureAndReport(flags, equipment);
}

async function measureAndReport(flags: Flags, equipment: Equipment): Promise<void> {
  const pace = paceOf(flags);
  const setup: PeerSetup = {
    loadProgram: equipment.loadProgram,
    keepwarm: {
      node: flags.node,
      main: flags.keepwarm,
      flags: flags.keepwarmFlags.split(" ").filter(Boolean),
    },
  };
  const node = nodeVersion(flags.node ?? process.execPath);
  const machine = machineFacts(keepwarmVersion());
  const versions: Record<string, string> = {};
  for (const peer of equipment.peers) versions[peer.name] = await peer.version(setup);
  console.error(`loopback with ${congestionControl()}, Keepwarm on Node ${node}`);

  const partial = flags.only !== undefined || flags.peers !== undefined;
  const limits = partial ? undefined : await measureLimits(pace.limitSeconds, 3);
  const cells = await measureCells(flags, equipment, setup, pace);
  const settings = { trialSeconds: pace.trialSeconds, rounds: pace.rounds };
  const results: ServerResults = { machine, versions, settings, limits, cells };
  await report(results, node, flags, !partial && flags.quick !== true);
}

type Pace = typeof full;

function paceOf(flags: Flags): Pace {
  const base = flags.quick === true ? quick : full;
  return {
    ...base,
    trialSeconds: flags.seconds ?? base.trialSeconds,
    rounds: flags.rounds ?? base.rounds,
    redisBenchmarkRounds: flags.redisBenchmark ? base.redisBenchmarkRounds : 0,
  };
}

async function measureCells(
  flags: Flags,
  { peers, redisBenchmark }: Equipment,
  setup: PeerSetup,
  pace: Pace,
): Promise<CellResult[]> {
  const cells = chooseCells(loadCells, flags.only);
  const secondWitness = redisBenchmark !== undefined && pace.redisBenchmarkRounds > 0;
  const second = secondWitness ? chooseCells(redisBenchmarkCells, flags.only) : [];

  await using running = new RunningServers();
  for (const peer of peers) running.set(peer.name, await peer.start(setup));
  await using load = new LoadProgram(setup.loadProgram);

  const steps = cells.length * pace.rounds + second.length * pace.redisBenchmarkRounds * 3;
  const progress = new Progress(steps * running.size);
  const measurement = new LoadMeasurement(load, running, pace);
  const results: CellResult[] = [];
  const finish = (result: CellResult) => {
    results.push(result);
    progress.line(cellLine(result));
  };
  for (const cell of cells) finish(await measurement.measure(cell, progress));
  if (redisBenchmark !== undefined) {
    const secondPace = { seconds: 0.5, rounds: pace.redisBenchmarkRounds };
    for (const cell of second)
      finish(await measureWithRedisBenchmark(redisBenchmark, cell, running, secondPace, progress));
  }
  return results;
}

async function report(
  results: ServerResults,
  node: string,
  flags: Flags,
  complete: boolean,
): Promise<void> {
  const markdown = renderMarkdown(results);
  const json = renderJson(results);
  console.log(flags.json === true ? json : markdown);
  for (const verdict of judge(results.cells))
    if (verdict.cells.length > 0) console.error(verdictLine(verdict));
  if (!complete && flags.save !== true) return;
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(join(resultsFolder, "server.md"), markdown);
  await writeFile(join(resultsFolder, `server-${node}.json`), json);
  console.error(`written: bench/results/server.md and server-${node}.json`);
}
