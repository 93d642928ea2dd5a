// Generates in a worker thread and feeds a channel; the main thread says what, and reads the channel.
import { parentPort, workerData } from "node:worker_threads";
import {
  generateMeasured,
  type MeasurableSequence,
} from "../../../src/adapters/node-llama-cpp/metrics.ts";
import { MetricsChannel } from "../../../src/metrics-channel/channel/metrics-channel.ts";
import { plainMeasures, type PlainMeasures } from "./plain-measures.ts";
import { loadModel } from "./runtime.ts";

export interface Job {
  readonly request: string;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly measures?: "all" | "norm";
}

export interface Orders {
  readonly url: string;
  readonly run: string;
  readonly ttlMs: number;
  readonly jobs: readonly Job[];
  /** Stop behind the first token of each, and never go on. */
  readonly hang?: boolean;
}

/** What a job has made: tokens, and what the whole distribution says of each, by way of the main thread. */
export interface Done {
  readonly request: string;
  readonly tokens: readonly { readonly token: number; readonly logit: number }[];
  readonly truth: readonly PlainMeasures[];
}

const { url, run, ttlMs, jobs, hang } = workerData as Orders;
const model = await loadModel();
const context = await model.createContext({
  contextSize: 64,
  batchSize: 256,
  sequences: jobs.length,
  threads: 1,
});
const channel = new MetricsChannel({ url, run, ttlMs, deadlineMs: 60_000 });

const tell = (message: Done | "pushed"): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker has none
  parentPort!.postMessage(message);
};

/** A sequence that also tells what all logits say, worked out in another way than by the code under test. */
function overheard(temperature: number): [MeasurableSequence, PlainMeasures[]] {
  const sequence = context.getSequence() as unknown as MeasurableSequence;
  const truth: PlainMeasures[] = [];
  const evaluate = sequence.controlledEvaluate.bind(sequence);
  sequence.controlledEvaluate = async (input) => {
    const wanted = (input as unknown[]).map((item) => {
      if (!Array.isArray(item)) return item as number;
      const [token, options] = item as [number, { generateNext: object }];
      return [token, { generateNext: { ...options.generateNext, logits: true } }];
    });
    const outcomes = await evaluate(wanted as never[]);
    truth.push(plainMeasures(outcomes.at(-1)!.next.logits!, temperature));
    return outcomes;
  };
  return [sequence, truth];
}

await Promise.all(
  jobs.map(async ({ request, prompt, ...options }) => {
    const [sequence, truth] = overheard(options.temperature);
    const tokens: { token: number; logit: number }[] = [];
    const feed = { channel, request };
    const prefix = model.tokenize(prompt);
    for await (const { token, logit } of generateMeasured(sequence, prefix, { ...options, feed })) {
      tokens.push({ token, logit });
      if (hang !== true) continue;
      await channel.flush();
      tell("pushed");
      await new Promise(() => setInterval(() => {}, 1000));
    }
    tell({ request, tokens, truth });
  }),
);
await channel.close();
await context[Symbol.asyncDispose]();
process.exit();
