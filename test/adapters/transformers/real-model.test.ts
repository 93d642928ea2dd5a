import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import { metricsProcessor } from "../../../src/adapters/transformers/metrics.ts";
import type { KeepReport, ReuseReport } from "../../../src/adapters/shared/report.ts";
import type { TokenSample } from "../../../src/metrics-channel/channel/sample.ts";
import { startKeepwarm } from "../../../src/testing/servers/keepwarm-server.ts";
import { run } from "../../../src/util/run.ts";
import type { RuntimeTensor } from "../../support/onnx-model/runtime.ts";
import { obtainOnnxSmollm2 } from "../../support/onnx-model/smollm2.ts";
import { loadModel, transformers } from "./support.ts";

const program = fileURLToPath(new URL("generating-process.ts", import.meta.url));
const document =
  "The ferry to the island leaves at nine each morning, and Ada sells coffee on it. ";
let folder: string;

beforeAll(async () => {
  folder = await obtainOnnxSmollm2({ onProgress: (line) => console.log(line) });
}, 600_000);

interface Said {
  readonly promptTokens: number;
  readonly tokens: readonly number[];
  readonly text: string;
  readonly reuse: ReuseReport;
  readonly keep: KeepReport;
}

/** What a new process answers to questions about the document. */
async function ask(url: string, ...questions: readonly string[]): Promise<Said[]> {
  const prompts = questions.map((question) => document.repeat(8) + question);
  const args = ["--import", "tsx", program, url, folder, ...prompts];
  const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: 100_000 });
  if (code !== 0) throw new Error(`the process ended with ${code}: ${stderr}`);
  const lines = stdout.trim().split("\n");
  return lines.slice(-prompts.length).map((line) => JSON.parse(line) as Said);
}

it("answers in a new process from what another one computed, with the same tokens", async () => {
  await using server = await startKeepwarm({ args: ["--ram-size", "256MiB"] });
  const url = `valkey://${server.host}:${server.port}`;
  const question = "When does the ferry leave?";
  const [cold] = await ask(url, question);
  expect(cold.text).toMatch(/nine/);
  expect(cold.reuse).toMatchObject({ status: "MISS", reason: "absent" });
  expect(cold.keep).toMatchObject({ status: "STORED" });
  const [other, again] = await ask(url, "Who sells coffee?", question);
  expect(other.reuse).toMatchObject({ status: "PARTIAL", tier: "valkey" });
  expect(other.reuse.restoredTokens).toBeGreaterThanOrEqual(160);
  const restoredTokens = cold.promptTokens - 1;
  expect(again.reuse).toMatchObject({ status: "HIT", restoredTokens, tier: "valkey" });
  expect(again.tokens).toEqual(cold.tokens);
}, 240_000);

it("measures each token as its whole distribution says", async () => {
  const model = await loadModel(folder);
  const tokenizer = await transformers.AutoTokenizer.from_pretrained(folder);
  const samples: TokenSample[] = [];
  const rows: Float32Array[] = [];
  const channel = {
    push: (_: string, sample: TokenSample): void => void samples.push(sample),
    finish: (): void => {},
  };
  const processors = new transformers.LogitsProcessorList();
  processors.push((_: unknown, logits: RuntimeTensor) => {
    rows.push((logits.data as Float32Array).slice());
    return logits;
  });
  const { LogitsProcessor } = transformers;
  const measure = metricsProcessor({
    channel,
    requests: ["a"],
    temperature: 0.5,
    LogitsProcessor,
  });
  expect(measure).toBeInstanceOf(LogitsProcessor);
  processors.push(measure);
  await model.generate({
    ...tokenizer("The capital of France is"),
    max_new_tokens: 8,
    do_sample: false,
    logits_processor: processors,
  });
  await model.dispose();
  expect(samples).toHaveLength(8);
  for (const [step, row] of rows.entries()) {
    const most = row.reduce((least, z) => Math.max(least, z), -Infinity);
    const weights = Array.from(row, (z) => Math.exp(z - most));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const entropy = weights.reduce((total, weight) => {
      const probability = weight / sum;
      return probability > 0 ? total - probability * Math.log(probability) : total;
    }, 0);
    const tempered = row.reduce((total, z) => total + Math.exp((z - most) / 0.5), 0);
    expect(samples[step].step).toBe(step);
    expect(samples[step].norm).toBeCloseTo(most + Math.log(sum), 9);
    expect(samples[step].temperedNorm).toBeCloseTo(most / 0.5 + Math.log(tempered), 9);
    expect(samples[step].entropy).toBeCloseTo(entropy, 9);
  }
}, 60_000);
