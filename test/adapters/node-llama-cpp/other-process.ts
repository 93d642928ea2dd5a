// A program that evaluates a prompt with what a store has, and says what it reused and what the model says
// next: node --import tsx other-process.ts URL TOKENS [hold]
import { LlamaKvCache } from "../../../src/adapters/node-llama-cpp/llama-kv-cache.ts";
import { loadModel, logitsBehind, text } from "./runtime.ts";

const [url, count, hold] = process.argv.slice(2);
const model = await loadModel();
const tokens = model.tokenize(text).slice(0, Number(count));
const cache = await LlamaKvCache.open({ store: url, modelPath: model.path, chunkSize: 16 });
const context = await model.createContext({ contextSize: 256, batchSize: 128, threads: 1 });
const { sequence, restore } = await attached();
const reuse = await restore(tokens.slice(0, -1));
const left = tokens.slice(sequence.nextTokenIndex, -1);
await sequence.evaluateWithoutGeneratingNewTokens(left as never[]);
if (hold === "hold") console.log("storing");
const [logits] = await logitsBehind(sequence, tokens.slice(-1));
await cache.settled();
const likeliest = logits.indexOf(Math.max(...logits));
console.log(JSON.stringify({ reuse, likeliest, logit: logits[likeliest] }));
await cache.close();
await context[Symbol.asyncDispose]();
process.exit(0);

async function attached() {
  const handle = await cache.attach(context.getSequence());
  return { sequence: handle.sequence, restore: handle.restore.bind(handle) };
}
