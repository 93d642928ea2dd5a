import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { Asker } from "../../src/cli/demo/asker.ts";
import { document } from "../../src/cli/demo/document.ts";
import { obtainLlamaRuntime } from "../../src/models/llama-runtime.ts";
import { obtainSmollm2, smollm2Name } from "../../src/models/smollm2.ts";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { machineFacts } from "../support/machine.ts";
import { median } from "../support/stats.ts";
import { firstQuestion, type Subject, timeAgain, timeShared, timeStateFile } from "./measure.ts";
import { copyBlocks, openIfThere, places } from "./places.ts";
import {
  type PlaceResult,
  renderTtftJson,
  renderTtftMarkdown,
  type TtftResults,
} from "./report.ts";

const resultsFolder = join(import.meta.dirname, "..", "results");

interface Flags {
  readonly lengths: string;
  readonly rounds: number;
  readonly coldRounds: number;
  readonly threads?: number;
  readonly quick?: boolean;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const ttftCommand = new Command("ttft")
  .description("Time to first token of a real model, computed and restored, by place and step")
  .option("--lengths <list>", "tokens of the prompts", "256,512,1024,2000")
  .option("--rounds <n>", "times that each prompt is restored", Number, 5)
  .option("--cold-rounds <n>", "times that each prompt is computed", Number, 2)
  .option("--threads <n>", "threads that compute (default: one less than cores)", Number)
  .option("--quick", "256 and 512 tokens, two rounds")
  .option("--save", "write bench/results/")
  .option("--json", "print the data as JSON instead of a table")
  .action(runTtftBench);

async function runTtftBench(flags: Flags): Promise<void> {
  const rounds = flags.quick === true ? 2 : flags.rounds;
  const lengths = (flags.quick === true ? "256,512" : flags.lengths).split(",").map(Number);
  const options = {
    runtime: await obtainLlamaRuntime({ onProgress }),
    modelPath: await obtainSmollm2({ onProgress }),
    contextSize: Math.max(...lengths) + 256,
    threads: flags.threads,
    salt: randomBytes(16).toString("hex"),
  };
  await using memory = (await openIfThere("RAM"))!;
  const subjects: Subject[] = [];
  const results: { coldMs: number; saveFileMs: number; rows: PlaceResult[] }[] = [];
  {
    await using asker = await Asker.open({ ...options, store: memory.store });
    for (const length of lengths) {
      // A beginning of its own: no length finds what another stored.
      const text = `These are ${length} tokens.\n\n${document}`;
      const about = asker.shorten(text, length, firstQuestion);
      const tokens = asker.prompt(about, firstQuestion).length;
      console.error(`${tokens} tokens: computing`);
      const colds: number[] = [];
      const coldRounds = flags.quick === true ? 1 : flags.coldRounds;
      for (let round = 1; round < coldRounds; round++)
        colds.push((await asker.askWithStore(`Round ${round}. ${about}`, firstQuestion)).ttftMs);
      colds.push((await asker.askWithStore(about, firstQuestion)).ttftMs);
      const subject = { document: about, tokens };
      const file = await timeStateFile(asker, subject, rounds);
      subjects.push(subject);
      const row = { place: "runtime's own file", what: "same prompt", timing: file.again } as const;
      results.push({ coldMs: median(colds), saveFileMs: file.saveMs, rows: [row] });
    }
  }
  for (const name of Object.keys(places)) {
    await using place = await openIfThere(name);
    if (place === undefined) continue;
    const { store } = place;
    await copyBlocks(memory.store, store);
    await using asker = await Asker.open({ ...options, store });
    for (const [index, subject] of subjects.entries()) {
      console.error(`${subject.tokens} tokens: ${name}`);
      const again = await timeAgain(asker, store, subject, rounds);
      const shared = await timeShared(asker, store, subject, rounds);
      results[index].rows.push({ place: name, what: "same prompt", timing: again });
      results[index].rows.push({ place: name, what: "new question", timing: shared });
    }
  }
  await report(
    {
      machine: machineFacts(keepwarmVersion()),
      node: process.versions.node,
      model: smollm2Name,
      settings: { rounds, threads: flags.threads },
      lengths: results.map((result, index) => ({ tokens: subjects[index].tokens, ...result })),
    },
    flags,
  );
}

async function report(results: TtftResults, { json, save }: Flags): Promise<void> {
  console.log(json === true ? renderTtftJson(results) : renderTtftMarkdown(results));
  if (save !== true) return;
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(join(resultsFolder, "ttft.md"), renderTtftMarkdown(results));
  await writeFile(join(resultsFolder, `ttft-${results.node}.json`), renderTtftJson(results));
  console.error(`written: bench/results/ttft.md and ttft-${results.node}.json`);
}

function onProgress(line: string): void {
  console.error(line);
}
