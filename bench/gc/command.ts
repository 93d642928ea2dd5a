import { Command } from "commander";
import { parseBytes } from "../../src/util/units.ts";
import { startKeepwarm } from "../support/keepwarm.ts";
import { compileLoadProgram } from "../support/load-program.ts";
import { LoadProgram, type LoadOptions, type LoadResult } from "../support/load.ts";
import { runInNamespace } from "../support/namespace.ts";
import { markdownTable } from "../support/markdown.ts";
import { RunningServers } from "../support/running-server.ts";
import { GcTrace, type GcCount } from "./trace-gc.ts";

const longestPhaseSeconds = 300;
const connections = 8;

interface Flags {
  readonly gb: number;
  readonly size: string;
  readonly entries: number;
  readonly entrySize: string;
  readonly node?: string;
  readonly keepwarm?: string;
  readonly keepwarmFlags: string;
  readonly json?: boolean;
}

interface Phase {
  readonly name: string;
  readonly result: LoadResult;
  readonly gc: GcCount;
}

export const gcCommand = new Command("gc")
  .description("Garbage collections of Keepwarm per GB moved, with a full index")
  .option("--gb <n>", "GB (1e9 bytes) to SET, and then to GET", Number, 20)
  .option("--size <bytes>", "size of the values moved", "1MiB")
  .option("--entries <n>", "small entries loaded before", Number, 1_000_000)
  .option("--entry-size <bytes>", "their size", "64B")
  .option("--node <path>", "the Node binary that runs Keepwarm")
  .option("--keepwarm <path>", "another build's dist/cli/main.js")
  .option("--keepwarm-flags <flags>", "flags of keepwarm serve", "--ram-size 6GiB")
  .option("--json", "print the data as JSON instead of a table")
  .action(runGcBench);

async function runGcBench(flags: Flags): Promise<void> {
  const loadProgram = await compileLoadProgram();
  const code = await runInNamespace();
  if (code !== undefined) {
    process.exitCode = code;
    return;
  }
  const phases = await measurePhases(flags, loadProgram);
  console.log(flags.json === true ? JSON.stringify(phases, undefined, 2) : render(phases));
}

async function measurePhases(flags: Flags, loadProgram: string): Promise<Phase[]> {
  const trace = new GcTrace();
  await using running = new RunningServers();
  const server = await startKeepwarm({
    node: flags.node,
    main: flags.keepwarm,
    flags: flags.keepwarmFlags.split(" ").filter(Boolean),
    nodeFlags: ["--trace-gc"],
    onLine: trace.onLine,
  });
  running.set("keepwarm", server);
  await using load = new LoadProgram(loadProgram);

  const phases: Phase[] = [];
  const phase = async (name: string, options: Omit<LoadOptions, "port">) => {
    console.error(`${name} ...`);
    trace.take();
    const result = await load.run({
      ...options,
      port: server.port,
      serverPid: server.pid,
      connections,
      seconds: longestPhaseSeconds,
    });
    if (result.errors + result.mismatches > 0)
      console.error(`${result.errors} errors (${result.error}), ${result.mismatches} wrong values`);
    phases.push({ name, result, gc: trace.take() });
    return result;
  };

  const entry = { size: parseBytes(flags.entrySize), keys: flags.entries, pipeline: 16 };
  const size = parseBytes(flags.size);
  const value = { size, keys: Math.max(1, Math.floor(2 ** 26 / size)) };
  const count = Math.ceil((flags.gb * 1e9) / size);
  await phase(`load ${flags.entries} entries`, { op: "FILL", ...entry });
  await phase(`warm up ${flags.size}`, { op: "FILL", ...value });
  await phase(`SET ${flags.size}`, { op: "SET", ...value, count });
  await phase(`GET ${flags.size}`, { op: "GET", ...value, count });
  const check = await phase("EXISTS", { op: "EXISTS", ...entry, count: 100_000 });
  console.error(`${check.missing} of ${check.ops} entries looked up are gone`);
  return phases;
}

function render(phases: readonly Phase[]): string {
  return markdownTable(
    ["", "GB", "GB/s", "Scavenges per GB", "Mark-Compacts per GB", "GC ms per GB", "longest ms"],
    phases.map(({ name, result: { bytes, bytesPerSecond }, gc }) => [
      name,
      (bytes / 1e9).toFixed(2),
      (bytesPerSecond / 1e9).toFixed(2),
      `${perGb(gc.scavenges, bytes)} (${gc.scavenges})`,
      `${perGb(gc.markCompacts, bytes)} (${gc.markCompacts})`,
      perGb(gc.pauseMs, bytes),
      gc.longestMs.toFixed(1),
    ]),
  );
}

function perGb(value: number, bytes: number): string {
  return bytes === 0 ? "-" : (value / (bytes / 1e9)).toFixed(2);
}
