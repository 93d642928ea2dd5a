import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { install, obtain, type ObtainOptions } from "../../../src/models/obtain.ts";

const version = "4.3.1";
const onnxVersion = "1.30.0";

/** What of a transformers.js tensor tests use. */
export interface RuntimeTensor {
  readonly dims: number[];
  readonly type: string;
  readonly location: string;
  readonly data: Float32Array | Uint16Array | BigInt64Array;
}

/** A cache of past keys and values, as transformers.js has it. */
export type RuntimeCache = Record<string, RuntimeTensor> & {
  get_seq_length(): number;
  update(entries: object): void;
};

/** A causal language model of transformers.js. */
export interface RuntimeModel {
  config: Record<string, unknown>;
  sessions: Record<string, { inputNames: readonly string[] }>;
  forward(inputs: object): Promise<Record<string, RuntimeTensor>>;
  generate(options: object): Promise<unknown>;
  dispose(): Promise<unknown>;
}

interface RuntimeTokenizer {
  (text: string): { input_ids: RuntimeTensor; attention_mask: RuntimeTensor };
  apply_chat_template(messages: readonly object[], options?: object): unknown;
  decode(ids: readonly (number | bigint)[], options?: object): string;
}

/** What of the module `@huggingface/transformers` tests use. */
export interface TransformersModule {
  readonly env: Record<string, unknown>;
  readonly Tensor: new (type: string, data: unknown, dims: number[]) => RuntimeTensor;
  readonly DynamicCache: new (entries?: object) => RuntimeCache;
  readonly AutoModelForCausalLM: {
    from_pretrained(name: string, options?: object): Promise<RuntimeModel>;
  };
  readonly AutoTokenizer: { from_pretrained(name: string): Promise<RuntimeTokenizer> };
  readonly PreTrainedModel: abstract new () => unknown;
  readonly LogitsProcessor: abstract new () => unknown;
  readonly LogitsProcessorList: new () => { push(item: unknown): void };
  pipeline(task: string, name: string, options?: object): Promise<never>;
}

/**
 * The file to import transformers.js from, with onnxruntime for this machine's processor: from the user's
 * cache folder, put there first by npm if it is not, 130 MB.
 *
 * @throws KeepwarmError `NOT_FOUND` when it cannot be had
 */
export function obtainTransformersRuntime({ onProgress }: ObtainOptions = {}): Promise<string> {
  const title = `@huggingface/transformers ${version} with onnxruntime-node ${onnxVersion}, 130 MB`;
  return obtain({
    name: `transformers-${version}`,
    title,
    file: "node_modules/@huggingface/transformers/dist/transformers.node.mjs",
    onProgress,
    make: async (folder) => {
      const packages = [`@huggingface/transformers@${version}`, `onnxruntime-node@${onnxVersion}`];
      // The install scripts fetch libraries for graphics cards.
      const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save"];
      const args = ["install", "--prefix", folder, ...flags, ...packages];
      await install(title, "npm", args, "It takes npm and a package registry.");
      await removeOtherMachines(join(folder, "node_modules"));
    },
  });
}

/** transformers.js, that loads models from folders only. */
export async function importTransformers(options?: ObtainOptions): Promise<TransformersModule> {
  const file = await obtainTransformersRuntime(options);
  const transformers = (await import(pathToFileURL(file).href)) as TransformersModule;
  Object.assign(transformers.env, {
    allowRemoteModels: false,
    allowLocalModels: true,
    localModelPath: "/",
  });
  return transformers;
}

/** Removes what only browsers and other systems use: 370 MB. */
async function removeOtherMachines(modules: string): Promise<void> {
  await rm(join(modules, "onnxruntime-web"), { recursive: true, force: true });
  const builds = join(modules, "onnxruntime-node", "bin");
  for (const api of await readdir(builds))
    for (const system of await readdir(join(builds, api)))
      if (system !== process.platform)
        await rm(join(builds, api, system), { recursive: true, force: true });
}
