import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { KeepwarmError } from "../../src/errors.ts";
import { lmcacheEnvironment } from "../../test/interop/lmcache-environment.ts";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { machineFacts } from "../support/machine.ts";
import { median } from "../support/stats.ts";
import { LmcachePeer, type Timing } from "./peer.ts";
import { renderKeysJson, renderKeysMarkdown, type KeysResults, type RowResult } from "./report.ts";
import { chunkSize, makeRows, type Row } from "./rows.ts";

const resultsFolder = join(import.meta.dirname, "..", "results");
const lmcacheVersion = "0.5.6";
const vocabulary = 128_000;

interface Flags {
  readonly tokens: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly python: string;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const keysCommand = new Command("keys")
  .description("Chunk hashes of ours beside LMCache's own, on the same tokens")
  .option("--tokens <n>", "length of the prompt", Number, 131_072)
  .option("--rounds <n>", "trials of each", Number, 7)
  .option("--seconds <n>", "CPU time of a trial", Number, 0.3)
  .option("--python <command>", "the Python to make LMCache's environment with", "python3")
  .option("--save", "write bench/results/")
  .option("--json", "print the data as JSON instead of a table")
  .action(runKeysBench);

async function runKeysBench(flags: Flags): Promise<void> {
  const interpreter = await lmcacheEnvironment(flags.python, lmcacheVersion, { vllm: true });
  const tokens = Uint32Array.from({ length: flags.tokens }, () =>
    Math.floor(Math.random() * vocabulary),
  );
  const folder = await mkdtemp(join(tmpdir(), "keepwarm-bench-"));
  const rows: RowResult[] = [];
  try {
    const file = join(folder, "tokens");
    await writeFile(file, tokens);
    await using peer = await LmcachePeer.start(interpreter, file);
    for (const row of await makeRows()) {
      const result = await measureRow(row, tokens, peer, flags);
      console.error(`${row.name}: ${(result.tokensPerSecond / 1e6).toFixed(0)} M tokens/s`);
      rows.push(result);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const { rounds, seconds } = flags;
  const settings = { tokens: flags.tokens, chunkSize, rounds, trialSeconds: seconds };
  const machine = machineFacts(keepwarmVersion());
  const results = { machine, node: process.versions.node, lmcacheVersion, settings, rows };
  await report(results, flags);
}

async function measureRow(
  row: Row,
  tokens: Uint32Array,
  peer: LmcachePeer,
  { rounds, seconds }: Flags,
): Promise<RowResult> {
  const rate = ({ seconds, rounds }: Timing) => (rounds * tokens.length) / seconds;
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const timing = measureOurs(row, tokens, seconds);
    ours.push(rate(timing));
    if (row.peer === undefined) continue;
    const other = await peer.measure(row.peer, seconds);
    if (other.last !== timing.last)
      throw new KeepwarmError("REPLY", `${row.name}: ${timing.last}, but LMCache ${other.last}`);
    theirs.push(rate(other));
  }
  return {
    name: row.name,
    tokensPerSecond: median(ours),
    ...(theirs.length > 0 && {
      lmcacheTokensPerSecond: median(theirs),
      ratio: median(ours.map((value, index) => value / theirs[index])),
    }),
  };
}

function measureOurs({ hasher }: Row, tokens: Uint32Array, seconds: number): Timing {
  let chain = hasher.chain(tokens);
  let rounds = 0;
  let taken = 0;
  const begun = process.cpuUsage();
  while (taken < seconds) {
    chain = hasher.chain(tokens);
    rounds++;
    const { user, system } = process.cpuUsage(begun);
    taken = (user + system) / 1e6;
  }
  return { seconds: taken, rounds, last: chain.hash(chain.length - 1) };
}

async function report(results: KeysResults, { json, save }: Flags): Promise<void> {
  console.log(json === true ? renderKeysJson(results) : renderKeysMarkdown(results));
  if (save !== true) return;
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(join(resultsFolder, "keys.md"), renderKeysMarkdown(results));
  await writeFile(join(resultsFolder, `keys-${results.node}.json`), renderKeysJson(results));
  console.error(`written: bench/results/keys.md and keys-${results.node}.json`);
}
