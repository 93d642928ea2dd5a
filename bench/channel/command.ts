import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { machineFacts } from "../support/machine.ts";
import { Progress } from "../support/progress.ts";
import { shuffled } from "../support/stats.ts";
import { channelClients } from "./clients.ts";
import {
  type ChannelCell,
  channelLine,
  type ChannelResults,
  renderChannelMarkdown,
} from "./report.ts";
import { type ChannelTrial, runTrial } from "./trial.ts";

const resultsFolder = join(import.meta.dirname, "..", "results");
const batches = [1, 64];

const servers: Readonly<Record<string, () => Promise<RunningServer>>> = {
  redis: () => startRedisServer(),
  valkey: () => startRedisServer({ engine: "valkey" }),
  keepwarm: () =>
    startKeepwarm({
      args: ["--ram-size", "64MiB"],
      env: { KEEPWARM_LIMITS_COLLECTION_BYTES: "2GiB" },
    }),
};

interface Flags {
  readonly seconds: number;
  readonly rounds: number;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const channelCommand = new Command("channel")
  .description("token samples a second through the metric channel, beside one RPUSH a token")
  .option("--seconds <n>", "how long a trial writes", Number, 1)
  .option("--rounds <n>", "trials per server, batch and client", Number, 5)
  .option("--save", "write bench/results/channel.md and channel.json")
  .option("--json", "print the data as JSON instead of a table")
  .action(runChannelBench);

async function runChannelBench(flags: Flags): Promise<void> {
  const { seconds, rounds } = flags;
  const cells: ChannelCell[] = [];
  for (const [server, start] of Object.entries(servers)) {
    await using running = await start();
    for (const batch of batches) cells.push(...(await measure(server, running.url, batch, flags)));
  }
  const results: ChannelResults = {
    machine: machineFacts(keepwarmVersion()),
    node: process.version.slice(1),
    settings: { trialSeconds: seconds, rounds },
    cells,
  };
  const markdown = renderChannelMarkdown(results);
  const json = `${JSON.stringify(results, undefined, 1)}\n`;
  console.log(flags.json === true ? json : markdown);
  if (flags.save !== true) return;
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(join(resultsFolder, "channel.md"), markdown);
  await writeFile(join(resultsFolder, "channel.json"), json);
  console.error("written: bench/results/channel.md and channel.json");
}

async function measure(
  server: string,
  url: string,
  batch: number,
  { seconds, rounds }: Flags,
): Promise<ChannelCell[]> {
  const names = Object.keys(channelClients);
  const trials = new Map<string, ChannelTrial[]>(names.map((name) => [name, []]));
  const progress = new Progress(rounds * names.length);
  for (let round = 0; round < rounds; round++)
    for (const name of shuffled(names)) {
      await using client = channelClients[name](url);
      await runTrial(client, batch, seconds / 10);
      trials.get(name)!.push(await runTrial(client, batch, seconds));
      progress.step(`${server}, batch ${batch}, ${name}`);
    }
  const cells = names.map((client) => ({ server, batch, client, trials: trials.get(client)! }));
  for (const cell of cells) progress.line(channelLine(cell));
  return cells;
}
