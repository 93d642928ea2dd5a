// Asks a model about a text: node ask.js MODEL.gguf TEXT_FILE "question" [STORE_URL]
// Ask again, or something else about the same text, and see how little of the prompt is read.
import { readFileSync } from "node:fs";
import { LocalStore } from "keepwarm";
import { LlamaKvCache } from "keepwarm/node-llama-cpp";
import { getLlama, LlamaChatSession } from "node-llama-cpp";

const [modelPath, textFile, question, url] = process.argv.slice(2);
const store = url ?? (await openOwnStore());

const llama = await getLlama({ gpu: false, maxThreads: Number(process.env.THREADS ?? 0) });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: { max: 4096 } });

const cache = await LlamaKvCache.open({ store, modelPath, onReuse: tell });
const { sequence } = await cache.attach(context.getSequence());
const systemPrompt = `Answer from this text:\n${readFileSync(textFile, "utf8")}`;
const session = new LlamaChatSession({ contextSequence: sequence, systemPrompt });

await session.prompt(question, {
  maxTokens: Number(process.env.MAX_TOKENS ?? 100),
  temperature: 0,
  onTextChunk: (text) => process.stdout.write(text),
});
process.stdout.write("\n");
await cache.close();
await llama.dispose();
if (typeof store !== "string") await store.close();

/** Memory, and a folder beside this program that outlives it. */
function openOwnStore() {
  return LocalStore.open({
    ram: { capacityBytes: 256 * 1024 ** 2 },
    ssd: { directory: ".keepwarm", capacityBytes: 512 * 1024 ** 2 },
  });
}

function tell({ status, promptTokens, reusedTokens, tier, times }) {
  const from = tier === undefined ? "" : ` from ${tier} in ${times.totalMs.toFixed(0)} ms`;
  console.error(`${status}: ${reusedTokens} of ${promptTokens} tokens reused${from}`);
}
