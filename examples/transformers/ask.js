// Asks a model about a text: node ask.js MODEL TEXT_FILE "question" [STORE_URL]
// MODEL is a name that transformers.js can load, such as onnx-community/SmolLM2-135M-Instruct-ONNX, or a folder.
// Ask again, or something else about the same text, and see how little of the prompt is read.
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { env, pipeline, TextStreamer } from "@huggingface/transformers";
import { LocalStore } from "keepwarm";
import { TransformersKvCache } from "keepwarm/transformers";

const [name, textFile, question, url] = process.argv.slice(2);
const store = url ?? (await openOwnStore());
if (existsSync(name)) env.localModelPath = "/";
const model = existsSync(name) ? resolve(name) : name;

const generator = await pipeline("text-generation", model, { dtype: "fp32" });
const cache = await TransformersKvCache.open({ store, model, onReuse: tell });
await cache.attach(generator.model);

const content = `Answer from this text:\n${readFileSync(textFile, "utf8")}\n\n${question}`;
await generator([{ role: "user", content }], {
  max_new_tokens: Number(process.env.MAX_TOKENS ?? 100),
  do_sample: false,
  streamer: new TextStreamer(generator.tokenizer, { skip_prompt: true }),
});
await cache.close();
await generator.dispose();
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
