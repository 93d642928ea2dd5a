import { rm } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { TransformersKvCache } from "../../../src/adapters/transformers/transformers-kv-cache.ts";
import type {
  AttachedModel,
  TransformersKvCacheOptions,
} from "../../../src/adapters/transformers/types.ts";
import type { BlockStore } from "../../../src/store/contract.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";
import { randomModel } from "../../support/onnx-model/random-model.ts";
import {
  importTransformers,
  type RuntimeModel,
  type RuntimeTensor,
} from "../../support/onnx-model/runtime.ts";

export const transformers = await importTransformers();
export type Dtype = "fp32" | "fp16";

/** A model from a folder, computing on one thread. */
export function loadModel(
  folder: string,
  dtype: Dtype = "fp32",
  file = "model",
): Promise<RuntimeModel> {
  const session = { intraOpNumThreads: 1 };
  const options = { dtype, model_file_name: file, session_options: session };
  return transformers.AutoModelForCausalLM.from_pretrained(folder, options);
}

/** A folder with a tiny random model, removed when the test ends. */
export async function tinyFolder(seed = 1): Promise<string> {
  const folder = await randomModel(seed);
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

export function ramStore(): RamStore {
  const store = new RamStore({ capacityBytes: 256 * 1024 ** 2 });
  onTestFinished(() => store.close());
  return store;
}

export interface Served extends AsyncDisposable {
  readonly cache: TransformersKvCache;
  readonly model: RuntimeModel;
  readonly attached: AttachedModel<RuntimeModel>;
}

/** A model loaded anew that is served from a store; both end with the test. */
export async function serve(
  folder: string,
  store: BlockStore | string,
  options: Partial<TransformersKvCacheOptions> & {
    readonly dtype?: Dtype;
    /** Which of the folder's models. Default "model". */
    readonly file?: string;
  } = {},
): Promise<Served> {
  const { dtype, file, ...rest } = options;
  const model = await loadModel(folder, dtype, file);
  const cache = await TransformersKvCache.open({
    store,
    model: file === undefined ? folder : join(folder, "onnx", `${file}.onnx`),
    transformers,
    chunkSize: 8,
    ...rest,
  });
  const attached = await cache.attach(model);
  let ended = false;
  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    await cache.close();
    await model.dispose();
  };
  onTestFinished(end);
  return { cache, model, attached, [Symbol.asyncDispose]: end };
}

export function tensorOf(ids: readonly number[]): RuntimeTensor {
  const data = BigInt64Array.from(ids, BigInt);
  return new transformers.Tensor("int64", data, [1, ids.length]);
}

export function onesOf(length: number): RuntimeTensor {
  return tensorOf(Array.from({ length }, () => 1));
}

/** The bytes of the logits of `tokens` behind what is in `past`. */
export async function logitsBehind(
  model: RuntimeModel,
  tokens: readonly number[],
  past: { get_seq_length(): number },
): Promise<Buffer> {
  const outputs = await model.forward({
    input_ids: tensorOf(tokens.slice(past.get_seq_length())),
    attention_mask: onesOf(tokens.length),
    past_key_values: past,
  });
  return Buffer.from((outputs["logits"].data as Float32Array).slice().buffer);
}

/** What `tokens` leave in a model that never heard of a store. */
export async function pastOf(
  model: RuntimeModel,
  tokens: readonly number[],
): Promise<InstanceType<typeof transformers.DynamicCache>> {
  const outputs = await model.forward({
    input_ids: tensorOf(tokens),
    attention_mask: onesOf(tokens.length),
  });
  const entries = Object.entries(outputs)
    .filter(([name]) => name.startsWith("present."))
    .map(([name, tensor]) => [name.replace("present", "past_key_values"), tensor]);
  return new transformers.DynamicCache(Object.fromEntries(entries));
}

/** What a greedy answer is made of: its tokens, and the logits of each step. */
export interface Answer {
  readonly tokens: readonly number[];
  readonly logits: readonly Buffer[];
}

/** The tokens and logits that `generate` comes to. */
export async function answer(
  model: RuntimeModel,
  prompt: readonly number[],
  options: object = {},
): Promise<Answer> {
  const logits: Buffer[] = [];
  const processors = new transformers.LogitsProcessorList();
  processors.push((_: unknown, scores: RuntimeTensor) => {
    logits.push(Buffer.from((scores.data as Float32Array).slice().buffer));
    return scores;
  });
  const result = (await model.generate({
    input_ids: tensorOf(prompt),
    attention_mask: onesOf(prompt.length),
    max_new_tokens: 12,
    do_sample: false,
    eos_token_id: -1,
    logits_processor: processors,
    ...options,
  })) as RuntimeTensor;
  return { tokens: Array.from(result.data, Number).slice(prompt.length), logits };
}
