import { pathToFileURL } from "node:url";
import { obtainLlamaRuntime } from "../../../src/models/llama-runtime.ts";
import { obtainSmollm2 } from "../../../src/models/smollm2.ts";
import type { LlamaSequenceLike } from "../../../src/adapters/node-llama-cpp/types.ts";

/** What the tests use of node-llama-cpp beyond what the adapter does. */
export interface Sequence extends LlamaSequenceLike {
  evaluate(tokens: readonly number[], options?: object): AsyncGenerator<number, void, unknown>;
  controlledEvaluate(
    input: readonly (readonly [token: number, options: object])[],
  ): Promise<readonly { readonly next: { readonly logits: ReadonlyMap<number, number> } }[]>;
}

export interface Context extends AsyncDisposable {
  getSequence(): Sequence;
}

export interface Model {
  readonly path: string;
  readonly module: NodeLlamaCpp;
  tokenize(text: string): number[];
  detokenize(tokens: readonly number[]): string;
  createContext(options: object): Promise<Context>;
}

interface NodeLlamaCpp {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<Omit<Model, "path" | "module">>;
  }>;
  readonly LlamaCompletion: new (options: { contextSequence: object }) => {
    generateCompletion(text: string, options: object): Promise<string>;
  };
  readonly LlamaChatSession: new (options: { contextSequence: object; systemPrompt?: string }) => {
    prompt(text: string, options: object): Promise<string>;
  };
}

/** The real model, one thread: more only wait for each other where tests run side by side. */
export async function loadModel(): Promise<Model> {
  const path = await obtainSmollm2();
  const runtime = await obtainLlamaRuntime();
  const module = (await import(pathToFileURL(runtime).href)) as NodeLlamaCpp;
  const options = { gpu: false, build: "never", logLevel: "error", maxThreads: 1 };
  const llama = await module.getLlama(options);
  const model = await llama.loadModel({ modelPath: path });
  return Object.assign(model, { path, module });
}

/** Logits behind each of `tokens`, in the tokens' order of the vocabulary. */
export async function logitsBehind(
  sequence: Sequence,
  tokens: readonly number[],
): Promise<Float32Array[]> {
  const wanted = { generateNext: { logits: true } };
  const outcomes = await sequence.controlledEvaluate(tokens.map((token) => [token, wanted]));
  return outcomes.map(({ next }) => {
    const logits = new Float32Array(next.logits.size);
    for (const [token, logit] of next.logits) logits[token] = logit;
    return logits;
  });
}

/** The likeliest continuation. */
export async function generate(
  sequence: Sequence,
  tokens: readonly number[],
  count: number,
): Promise<number[]> {
  const said: number[] = [];
  for await (const token of sequence.evaluate(tokens, { temperature: 0 })) {
    said.push(token);
    if (said.length === count) break;
  }
  return said;
}

export const text = `A lighthouse keeper writes a letter each evening and gives it to the tide. On Monday he
describes the gulls that quarrel over herring heads; on Tuesday the lamp, whose forty-one prisms he polishes with
vinegar and an old flannel shirt; on Wednesday the fog, which arrives without knocking and sits down at his table. He
has never had an answer. His sister, who lives nine miles inland and keeps bees, believes that nobody reads them. But
in a harbour far to the south a girl of eleven has a drawer with two hundred and six bottles, sorted by the colour of
their glass, and she knows the names of all of his gulls, the price of vinegar, and the day on which the fog once stayed
for soup. She is learning to write so that she can tell him about the oranges.`;
