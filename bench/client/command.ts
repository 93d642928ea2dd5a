import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { machineFacts } from "../support/machine.ts";
import { congestionControl, runInNamespace } from "../support/namespace.ts";
import { Progress } from "../support/progress.ts";
import { shuffled } from "../support/stats.ts";
import { clientCells, type Cell } from "./cells.ts";
import { clientMakers } from "./clients/index.ts";
import { renderClients, type ClientSamples } from "./report.ts";
import { WorkerProcess } from "./worker-process.ts";

const full = { seconds: 0.4, rounds: 5 };
const quick = { seconds: 0.15, rounds: 2 };

interface Flags {
  readonly quick?: boolean;
  readonly only?: string;
  readonly clients?: string;
  readonly engine: "redis" | "valkey";
  readonly seconds?: number;
  readonly rounds?: number;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const clientCommand = new Command("client")
  .description("Our client beside the libraries, all against one Redis or Valkey")
  .option("--quick", "short trials, few rounds")
  .option("--only <words>", 'cells by the words of their names, such as "GET 1MiB, SET c8"')
  .option("--clients <names>", "some of the clients, such as keepwarm,ioredis")
  .option("--engine <name>", "redis or valkey", "redis")
  .option("--seconds <n>", "length of a trial (default 0.4)", Number)
  .option("--rounds <n>", "trials per cell and client (default 5)", Number)
  .option("--save", "write bench/results/client.md also after a partial run")
  .option("--json", "print all samples as JSON instead of the tables")
  .action(runClientBench);

async function runClientBench(flags: Flags): Promise<void> {
  const code = await runInNamespace();
  if (code !== undefined) {
    process.exitCode = code;
    return;
  }
  const cells = chosen(clientCells, flags.only);
  const samples = await measure(cells, flags);
  const facts = machineFacts(keepwarmVersion());
  if (flags.json === true) return console.log(JSON.stringify({ facts, samples }, undefined, 2));
  const setting = `${flags.engine}-server, loopback with ${congestionControl()}, ${paceOf(flags).rounds} rounds`;
  const report = renderClients(cells, samples, { facts, setting });
  console.log(report);
  const whole = cells.length === clientCells.length && flags.clients === undefined;
  if ((!whole || flags.quick === true) && flags.save !== true) return;
  const folder = join(import.meta.dirname, "..", "results");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "client.md"), `${report}\n`);
}

function paceOf(flags: Flags): typeof full {
  const base = flags.quick === true ? quick : full;
  return { seconds: flags.seconds ?? base.seconds, rounds: flags.rounds ?? base.rounds };
}

async function measure(cells: readonly Cell[], flags: Flags): Promise<ClientSamples> {
  const { seconds, rounds } = paceOf(flags);
  const wanted = flags.clients?.split(",").map((name) => name.trim());
  const names = clientMakers
    .map(({ name }) => name)
    .filter((name) => wanted?.some((word) => name === word) ?? true);
  // Without it redis faults in the memory of each big value anew, and that is all one would see.
  const env = { MALLOC_CONF: "dirty_decay_ms:-1,muzzy_decay_ms:-1" };
  await using server = await startRedisServer({ engine: flags.engine, env });
  const samples: ClientSamples = new Map();
  const progress = new Progress(cells.length * rounds * names.length);
  const workers: WorkerProcess[] = [];
  try {
    for (const name of names) workers.push(await WorkerProcess.start(name, server.url));
    for (const cell of cells) {
      const ofCell = new Map(names.map((name) => [name, []] as [string, never[]]));
      samples.set(cell.name, ofCell);
      for (let round = 0; round < rounds; round++)
        for (const worker of shuffled(workers)) {
          const result = await worker.trial(cell, seconds);
          samples.get(cell.name)?.get(worker.name)?.push(result);
          progress.step(`${cell.name}, ${worker.name}`);
        }
    }
    return samples;
  } finally {
    for (const worker of workers) worker.stop();
  }
}

/** Cells whose names have all the words of one of the alternatives. */
function chosen(cells: readonly Cell[], only: string | undefined): readonly Cell[] {
  if (only === undefined) return cells;
  const alternatives = only.split(",").map((words) => words.trim().split(/\s+/));
  return cells.filter(({ name }) =>
    alternatives.some((words) => words.every((word) => name.split(" ").includes(word))),
  );
}
