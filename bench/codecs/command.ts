import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { KeepwarmError } from "../../src/errors.ts";
import { keepwarmVersion } from "../support/keepwarm.ts";
import { machineFacts } from "../support/machine.ts";
import { Engine } from "./engine.ts";
import { replaceTensor, tensorIn } from "./llama-state.ts";
import { type Blocks, asBfloat16, asFloat16, measure } from "./measure.ts";
import { findModel, modelName } from "./model.ts";
import { speechError } from "./quality.ts";
import {
  type CodecsResults,
  type RowResult,
  renderCodecsJson,
  renderCodecsMarkdown,
} from "./report.ts";
import { makeRows } from "./rows.ts";

const resultsFolder = join(import.meta.dirname, "..", "results");
const root = join(import.meta.dirname, "..", "..");
/** LMCache's default. */
const chunkTokens = 256;

interface Flags {
  readonly text: string;
  readonly tokens: number;
  readonly continuation: number;
  readonly rounds: number;
  readonly save?: boolean;
  readonly json?: boolean;
}

export const codecsCommand = new Command("codecs")
  .description("Ratio, speed and error of the codecs, on keys and values of a real model")
  .option("--text <file>", "what the model reads", "ARCHITECTURE.md")
  .option("--tokens <n>", "tokens whose keys and values are encoded", Number, 1024)
  .option("--continuation <n>", "tokens that the model reads after them", Number, 128)
  .option("--rounds <n>", "times that each block is encoded and decoded", Number, 5)
  .option("--save", "write bench/results/")
  .option("--json", "print the data as JSON instead of a table")
  .action(runCodecsBench);

async function runCodecsBench(flags: Flags): Promise<void> {
  const { text, tokens, continuation, rounds } = flags;
  await using engine = await Engine.start(await findModel());
  const all = engine.tokenize(await readFile(join(root, text), "utf8"));
  if (all.length < tokens + continuation || tokens % chunkTokens !== 0)
    throw new KeepwarmError("INPUT_INVALID", `${text} has ${all.length} tokens`, {
      remedy: `Choose a longer one, or fewer tokens; a multiple of ${chunkTokens}.`,
    });
  const next = all.slice(tokens, tokens + continuation);
  const state = await engine.prefill(all.slice(0, tokens));
  const said = await engine.logitsAfter(state.file, next);
  const float16: Blocks = {
    tensor: {
      dtype: "float16",
      format: "KV_2LTD",
      shape: [2, state.layers, chunkTokens, state.channels],
    },
    blocks: Array.from({ length: tokens / chunkTokens }, (_, chunk) =>
      tensorIn(state, chunk * chunkTokens, chunkTokens),
    ),
  };
  const rows: RowResult[] = [];
  for (const blocks of [float16, asBfloat16(float16)])
    for (const row of await makeRows()) {
      const { decoded, ...measured } = await measure(row, blocks, rounds);
      const result = { name: row.name, dtype: blocks.tensor.dtype, ...measured };
      console.error(`${result.dtype}: ${row.name}: ${measured.ratio.toFixed(2)}`);
      // What is lossless says the same, but for what rounding to bfloat16 changed; one row shows that.
      if (row.codec.lossless && (blocks === float16 || row.name !== "naive")) {
        rows.push(result);
        continue;
      }
      const file = Buffer.from(state.file);
      for (const [chunk, bytes] of asFloat16(blocks, decoded).entries())
        replaceTensor(state, file, chunk * chunkTokens, bytes);
      const says = await engine.logitsAfter(file, next);
      rows.push({ ...result, speech: speechError(said, says, next) });
    }
  const blockBytes = float16.blocks[0].length;
  const { shape } = float16.tensor;
  await report(
    {
      machine: machineFacts(keepwarmVersion()),
      node: process.versions.node,
      model: modelName,
      settings: { text, tokens, chunkTokens, blockBytes, shape, continuation, rounds },
      rows,
    },
    flags,
  );
}

async function report(results: CodecsResults, { json, save }: Flags): Promise<void> {
  console.log(json === true ? renderCodecsJson(results) : renderCodecsMarkdown(results));
  if (save !== true) return;
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(join(resultsFolder, "codecs.md"), renderCodecsMarkdown(results));
  await writeFile(join(resultsFolder, `codecs-${results.node}.json`), renderCodecsJson(results));
  console.error(`written: bench/results/codecs.md and codecs-${results.node}.json`);
}
