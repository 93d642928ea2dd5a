// Answers many prompts and says when it has stored one, to be killed at it: storing-process.ts URL FOLDER
import { TransformersKvCache } from "../../../src/adapters/transformers/index.ts";
import { importTransformers } from "../../support/onnx-model/runtime.ts";
import { manyPrompts } from "./tokens.ts";

const [url, folder] = process.argv.slice(2);
const transformers = await importTransformers();
const model = await transformers.AutoModelForCausalLM.from_pretrained(folder, { dtype: "fp32" });
const cache = await TransformersKvCache.open({
  store: url,
  model: folder,
  transformers,
  chunkSize: 8,
  onKeep: ({ tokens }) => console.log("stored", tokens),
});
await cache.attach(model);
for (const prompt of manyPrompts(400)) {
  const data = BigInt64Array.from(prompt, BigInt);
  const inputs = new transformers.Tensor("int64", data, [1, prompt.length]);
  await model.generate({ inputs, max_new_tokens: 2, do_sample: false, eos_token_id: -1 });
}
await cache.settled();
console.log("done");
