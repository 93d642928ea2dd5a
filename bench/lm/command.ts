import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { lmcacheEnvironment } from "../../test/interop/lmcache-environment.ts";
import { chooseCells, requireCells } from "../server/cells.ts";
import { LoadMeasurement } from "../server/measure.ts";
import { nodeVersion, subject } from "../server/peers.ts";
import { cellLine } from "../server/report.ts";
import type { CellResult } from "../server/results.ts";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { compileLoadProgram } from "../support/load-program.ts";
import { LoadProgram } from "../support/load.ts";
import { machineFacts } from "../support/machine.ts";
import { congestionControl, runInNamespace } from "../support/namespace.ts";
import { Progress } from "../support/progress.ts";
import { RunningServers } from "../support/running-server.ts";
import { lmCells } from "./cells.ts";
import { type LmResults, renderLmMarkdown, verdicts } from "./report.ts";
import { lmcacheServer, startKeepwarmLm, startLmcacheServer } from "./servers.ts";

const resultsFolder = join(import.meta.dirname, "..", "results");
const lmcacheVersion = "0.5.6";

interface Flags {
  readonly seconds: number;
  readonly rounds: number;
  readonly only?: string;
  readonly node?: string;
  readonly python: string;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const lmCommand = new Command("lm")
  .description("Keepwarm's lm:// server beside LMCache's own under the same load")
  .option("--seconds <n>", "length of a trial", Number, 0.5)
  .option("--rounds <n>", "trials per cell and server", Number, 7)
  .option("--only <words>", 'cells by the words of their names, such as "SET 4MiB c8"')
  .option("--node <path>", "the Node binary that runs Keepwarm")
  .option("--python <command>", "the Python to make LMCache's environment with", "python3")
  .option("--save", "write bench/results/ also after a partial run")
  .option("--json", "print the data as JSON instead of a table")
  .action(runLmBench);

async function runLmBench(flags: Flags): Promise<void> {
  requireCells(chooseCells(lmCells, flags.only), flags.only);
  const program = await compileLoadProgram();
  const interpreter = await lmcacheEnvironment(flags.python, lmcacheVersion);
  const code = await runInNamespace();
  if (code !== undefined) {
    process.exitCode = code;
    return;
  }
  const { seconds, rounds } = flags;
  const node = nodeVersion(flags.node ?? process.execPath);
  console.error(`loopback with ${congestionControl()}, Keepwarm on Node ${node}`);
  const machine = machineFacts(keepwarmVersion());
  const cells = await measureCells(flags, program, interpreter);
  const settings = { trialSeconds: seconds, rounds };
  await report({ machine, node, lmcacheVersion, settings, cells }, flags);
}

async function measureCells(
  flags: Flags,
  program: string,
  interpreter: string,
): Promise<CellResult[]> {
  const cells = chooseCells(lmCells, flags.only);
  await using running = new RunningServers();
  running.set(subject, await startKeepwarmLm(flags.node));
  running.set(lmcacheServer, await startLmcacheServer(interpreter));
  await using load = new LoadProgram(program);
  const pace = { trialSeconds: flags.seconds, rounds: flags.rounds };
  const progress = new Progress(cells.length * pace.rounds * running.size);
  const measurement = new LoadMeasurement(load, running, pace, "lm");
  const results: CellResult[] = [];
  for (const cell of cells) {
    const result = await measurement.measure(cell, progress);
    results.push(result);
    progress.line(cellLine(result));
  }
  return results;
}

async function report(results: LmResults, flags: Flags): Promise<void> {
  const markdown = renderLmMarkdown(results);
  const json = `${JSON.stringify(results, undefined, 1)}\n`;
  console.log(flags.json === true ? json : markdown);
  for (const line of verdicts(results.cells)) console.error(line);
  if (flags.only !== undefined && flags.save !== true) return;
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(join(resultsFolder, "lm.md"), markdown);
  await writeFile(join(resultsFolder, "lm.json"), json);
  console.error("written: bench/results/lm.md and lm.json");
}
