// Answers prompts with the real model and a store, and says of each what was reused, as a line of JSON:
// generating-process.ts URL FOLDER PROMPT...
import { TransformersKvCache } from "../../../src/adapters/transformers/index.ts";
import { importTransformers } from "../../support/onnx-model/runtime.ts";

const [url, folder, ...prompts] = process.argv.slice(2);
const transformers = await importTransformers();
const model = await transformers.AutoModelForCausalLM.from_pretrained(folder, {
  dtype: "fp32",
  session_options: { intraOpNumThreads: 1 },
});
const tokenizer = await transformers.AutoTokenizer.from_pretrained(folder);
await using cache = await TransformersKvCache.open({ store: url, model: folder, transformers });
const attached = await cache.attach(model);
for (const prompt of prompts) {
  const inputs = tokenizer.apply_chat_template([{ role: "user", content: prompt }], {
    add_generation_prompt: true,
    return_dict: true,
  }) as { input_ids: { dims: number[] } };
  const result = await model.generate({ ...inputs, max_new_tokens: 16, do_sample: false });
  await cache.settled();
  const tokens = Array.from((result as { data: BigInt64Array }).data, Number);
  const promptTokens = inputs.input_ids.dims[1];
  const text = tokenizer.decode(tokens.slice(promptTokens), { skip_special_tokens: true });
  const { lastReuse: reuse, lastKeep: keep } = attached;
  console.log(JSON.stringify({ promptTokens, tokens, text, reuse, keep }));
}
