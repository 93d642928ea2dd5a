import { pathToFileURL } from "node:url";
import { obtainLlamaRuntime } from "../../../src/models/llama-runtime.ts";
import { obtainSmollm2 } from "../../../src/models/smollm2.ts";

interface Context {
  getSequence(): object;
}

interface Model {
  tokenize(text: string): number[];
  detokenize(tokens: readonly number[]): string;
  createContext(options: object): Promise<Context>;
}

/** SmolLM2-135M-Instruct on one thread. */
export async function loadSmallModel(): Promise<{
  readonly model: Model;
  readonly llama: { dispose(): Promise<void> };
}> {
  const module = (await import(pathToFileURL(await obtainLlamaRuntime()).href)) as {
    getLlama(options: object): Promise<{
      loadModel(options: object): Promise<Model>;
      dispose(): Promise<void>;
    }>;
  };
  const options = { gpu: false, build: "never", logLevel: "error", maxThreads: 1 };
  const llama = await module.getLlama(options);
  return { llama, model: await llama.loadModel({ modelPath: await obtainSmollm2() }) };
}
