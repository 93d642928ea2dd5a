import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import { findPython, pythonEnvironment } from "../../test/interop/python-environment.ts";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { machineFacts } from "../support/machine.ts";
import { congestionControl, runInNamespace } from "../support/namespace.ts";
import { Progress } from "../support/progress.ts";
import { shuffled } from "../support/stats.ts";
import { clientCells, isInRound, isLong, type Cell } from "./cells.ts";
import { clientMakers } from "./clients/index.ts";
import { redisPy, seed } from "./goals.ts";
import { renderClients } from "./report.ts";
import type { ClientSamples, Engine, EngineSamples } from "./samples.ts";
import { nodeWorker, pythonWorker, Worker, type WorkerMaker } from "./workers.ts";

const full = { seconds: 0.25, rounds: 5 };
const quick = { seconds: 0.1, rounds: 1 };
/** Trials are longer by this when they warm up. */
const warmUpShare = 0.2;
const pythonRequirements = ["redis==8.*", "hiredis==3.*"];

interface Flags {
  readonly quick?: boolean;
  readonly only?: string;
  readonly clients?: string;
  readonly engine: Engine | "both";
  readonly seconds?: number;
  readonly rounds?: number;
  readonly minutes: number;
  readonly python: string;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const clientCommand = new Command("client")
  .description("Our client beside the libraries, all against Redis and Valkey")
  .option("--quick", "short trials, one round")
  .option("--only <words>", 'cells by the words of their names, such as "GET 1MiB, SET c8"')
  .option("--clients <names>", "some of the clients, with ; between, such as keepwarm;ioredis")
  .addOption(
    new Option("--engine <name>", "the server")
      .choices(["redis", "valkey", "both"])
      .default("both"),
  )
  .option("--seconds <n>", "length of a trial (default 0.25)", Number)
  .option("--rounds <n>", "most trials per cell and client (default 5)", Number)
  .option("--minutes <n>", "no round begins that would not end in this time", Number, 11)
  .option("--python <command>", "the Python to make redis-py's environment with", "python3")
  .option("--save", "write bench/results/client.md also after a partial run")
  .option("--json", "print all samples as JSON instead of the tables")
  .action(runClientBench);

async function runClientBench(flags: Flags): Promise<void> {
  const makers = await chosenMakers(flags); // before there is no network any more
  const code = await runInNamespace();
  if (code !== undefined) {
    process.exitCode = code;
    return;
  }
  const cells = chosen(clientCells, flags.only);
  const engines: readonly Engine[] = flags.engine === "both" ? ["redis", "valkey"] : [flags.engine];
  const endAt = performance.now() + flags.minutes * 60_000;
  const results: EngineSamples[] = [];
  for (const [at, engine] of engines.entries()) {
    const budgetMs = (endAt - performance.now()) / (engines.length - at);
    results.push(await measure(engine, makers, cells, budgetMs, flags));
  }
  const facts = machineFacts(keepwarmVersion());
  if (flags.json === true) {
    const plain = results.map(({ samples, ...each }) => ({
      ...each,
      samples: Object.fromEntries(
        [...samples].map(([cell, ofCell]) => [cell, Object.fromEntries(ofCell)]),
      ),
    }));
    return console.log(JSON.stringify({ facts, results: plain }, undefined, 2));
  }
  const setting = `loopback with ${congestionControl()}, trials of ${paceOf(flags).seconds} s`;
  const report = renderClients(cells, results, { facts, setting });
  console.log(report);
  const whole = cells.length === clientCells.length && flags.clients === undefined;
  if ((!whole || flags.quick === true || engines.length < 2) && flags.save !== true) return;
  const folder = join(import.meta.dirname, "..", "results");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "client.md"), `${report}\n`);
  console.error("written: bench/results/client.md");
}

function paceOf(flags: Flags): typeof full {
  const base = flags.quick === true ? quick : full;
  return { seconds: flags.seconds ?? base.seconds, rounds: flags.rounds ?? base.rounds };
}

/** Those that are wanted; ours first. */
async function chosenMakers(flags: Flags): Promise<WorkerMaker[]> {
  const wanted = flags.clients?.split(";").map((name) => name.trim());
  const isWanted = (name: string): boolean => wanted?.includes(name) ?? true;
  const makers = clientMakers
    .filter(({ name }) => isWanted(name))
    .map(({ name, framed }) => nodeWorker(name, framed !== true));
  if (!isWanted(redisPy) && !isWanted(seed)) return makers;
  const interpreter = await pythonEnvironment(await findPython(flags.python), pythonRequirements);
  const inPython = [
    pythonWorker(redisPy, interpreter, "plain"),
    pythonWorker(seed, interpreter, "transactions"),
  ];
  return [...makers, ...inPython.filter(({ name }) => isWanted(name))];
}

async function measure(
  engine: Engine,
  makers: readonly WorkerMaker[],
  cells: readonly Cell[],
  budgetMs: number,
  flags: Flags,
): Promise<EngineSamples> {
  const { seconds, rounds } = paceOf(flags);
  const began = performance.now();
  // Without it redis faults in the memory of each big value anew, and that is all one would see.
  const env = { MALLOC_CONF: "dirty_decay_ms:-1,muzzy_decay_ms:-1" };
  await using server = await startRedisServer({ engine, env });
  const samples: ClientSamples = new Map(
    cells.map(({ name }) => [name, new Map(makers.map((maker) => [maker.name, []]))]),
  );
  const progress = new Progress(cells.length * rounds * makers.length);
  const workers: Worker[] = [];
  let round = 0;
  try {
    for (const maker of makers) workers.push(await Worker.start(maker, server.url));
    for (; round < rounds; round++) {
      const elapsedMs = performance.now() - began;
      if (round > 0 && (elapsedMs * (round + 1)) / round > budgetMs) break;
      for (const cell of cells.filter((each) => isInRound(each, round))) {
        if (round === 0 && cell.operation === "get") await fill(workers, cell);
        for (const worker of shuffled(workers)) {
          progress.step(`${engine} ${cell.name}, ${worker.name}`);
          const warmUp = isLong(cell) ? 0 : seconds * warmUpShare;
          const result = await worker.trial({ cell, seconds, warmUp }).catch(failed);
          if (result !== undefined) samples.get(cell.name)?.get(worker.name)?.push(result);
        }
      }
      progress.line(`${engine}-server: round ${round + 1} done`);
    }
    return { engine, rounds: round, samples };
  } finally {
    for (const worker of workers) worker.stop();
  }
}

/** One client stores for all that see the same values. */
async function fill(workers: readonly Worker[], cell: Cell): Promise<void> {
  const plain = workers.find((worker) => worker.plain);
  for (const worker of workers) if (!worker.plain || worker === plain) await worker.store(cell);
}

function failed(error: unknown): undefined {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
}

/** Cells whose names have all the words of one of the alternatives. */
function chosen(cells: readonly Cell[], only: string | undefined): readonly Cell[] {
  if (only === undefined) return cells;
  const alternatives = only.split(",").map((words) => words.trim().split(/\s+/));
  return cells.filter(({ name }) =>
    alternatives.some((words) => words.every((word) => name.split(" ").includes(word))),
  );
}
