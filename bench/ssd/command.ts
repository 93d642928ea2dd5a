import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { KeepwarmError } from "../../src/errors.ts";
import { findBinary } from "../../src/testing/servers/binaries.ts";
import { parseBytes } from "../../src/util/units.ts";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { compileLoadProgram } from "../support/load-program.ts";
import { machineFacts } from "../support/machine.ts";
import { runInNamespace } from "../support/namespace.ts";
import { measureChecksums } from "./checksums.ts";
import { measureDisk } from "./disk.ts";
import { measureFront } from "./front.ts";
import { partNames, renderMarkdown, type PartName, type SsdResults } from "./report.ts";
import { installRivals } from "./rivals.ts";
import { measureRestart } from "./restart.ts";
import { measureStores } from "./stores.ts";
import type { Surroundings } from "./surroundings.ts";
import { measureTrace } from "./trace.ts";

const resultsFolder = join(import.meta.dirname, "..", "results");
const full = { rounds: 5, seconds: 0.6, diskBytes: 4 * 1024 ** 3 };
const quick = { rounds: 2, seconds: 0.3, diskBytes: 1024 ** 3 };

interface Flags {
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly parts?: string;
  readonly only?: string;
  readonly diskSize?: string;
  readonly dir: string;
  readonly trace?: string;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const ssdCommand = new Command("ssd")
  .description("The SSD tier beside fio, other ways to keep blocks on disk, and under load")
  .option("--quick", "short trials, few rounds, a small disk: two minutes")
  .option("--rounds <n>", `trials of each (default ${full.rounds})`, Number)
  .option("--seconds <n>", `length of a trial (default ${full.seconds})`, Number)
  .option("--parts <names>", `some of ${partNames.join(", ")}`)
  .option("--only <words>", 'cells of the part disk, such as "read 1MiB d4 direct, write 4MiB"')
  .option("--disk-size <size>", "what the tier has in the part disk (default 4GiB)")
  .option("--dir <directory>", "where on the disk to work; needs 10 GiB", tmpdir())
  .option("--trace <file>", "the trace to replay; without it that part is left out")
  .option("--save", "write bench/results/; parts not measured keep their results")
  .option("--json", "print the data as JSON instead of the tables")
  .action(runSsdBench);

async function runSsdBench(flags: Flags): Promise<void> {
  const parts = partsOf(flags);
  const loadProgram = parts.includes("front") ? await compileLoadProgram() : "";
  if (parts.includes("stores") || parts.includes("checksums")) await installRivals();
  if (parts.includes("disk") || parts.includes("front")) await findBinary("fio");
  const code = await runInNamespace();
  if (code !== undefined) {
    process.exitCode = code;
    return;
  }
  const pace = flags.quick === true ? quick : full;
  const directory = await mkdtemp(join(flags.dir, "keepwarm-bench-ssd-"));
  const around: Surroundings = {
    directory,
    rounds: flags.rounds ?? pace.rounds,
    seconds: flags.seconds ?? pace.seconds,
    diskBytes: flags.diskSize === undefined ? pace.diskBytes : parseBytes(flags.diskSize),
    cells: flags.only,
    quick: flags.quick === true,
  };
  const measure: Record<PartName, () => Promise<object>> = {
    disk: () => measureDisk(around),
    stores: () => measureStores(around),
    checksums: () => measureChecksums(around),
    front: () => measureFront(around, loadProgram),
    restart: () => measureRestart(around),
    trace: () => measureTrace(flags.trace!),
  };
  const results: Record<string, object> = {};
  const loads: Partial<Record<PartName, number>> = {};
  try {
    for (const part of parts) {
      console.error(`${part} ...`);
      results[part] = await measure[part]();
      loads[part] = loadavg()[0];
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  await report(results, loads, flags);
}

function partsOf({ parts, trace }: Flags): PartName[] {
  const names = parts?.split(",").map((name) => name.trim());
  const unknown = names?.find((name) => !(partNames as readonly string[]).includes(name));
  if (unknown !== undefined || (names?.includes("trace") === true && trace === undefined))
    throw new KeepwarmError(
      "INPUT_INVALID",
      `there is nothing to measure for ${unknown ?? "trace"}`,
      {
        remedy: `Parts are ${partNames.join(", ")}; trace needs --trace.`,
      },
    );
  return partNames.filter(
    (name) => names?.includes(name) ?? (name !== "trace" || trace !== undefined),
  );
}

async function report(
  parts: Partial<SsdResults>,
  loads: SsdResults["loads"],
  flags: Flags,
): Promise<void> {
  const machine = machineFacts(keepwarmVersion());
  const node = process.versions.node;
  const json = join(resultsFolder, `ssd-${node}.json`);
  const before: Partial<SsdResults> = flags.save === true ? await readResults(json) : {};
  const results: SsdResults = {
    ...before,
    ...parts,
    machine,
    node,
    loads: { ...before.loads, ...loads },
  };
  const data = `${JSON.stringify(results, rounded)}\n`;
  console.log(flags.json === true ? data : renderMarkdown(results));
  if (flags.save !== true) return;
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(json, data);
  await writeFile(join(resultsFolder, "ssd.md"), renderMarkdown(results));
  console.error(`written: bench/results/ssd.md and ssd-${node}.json`);
}

async function readResults(path: string): Promise<Partial<SsdResults>> {
  const text = await readFile(path, "utf8").catch(() => "{}");
  return JSON.parse(text) as Partial<SsdResults>;
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value)
    ? Number(value.toPrecision(5))
    : value;
}
