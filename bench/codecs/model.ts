import { obtainLlamaRuntime } from "../../src/models/llama-runtime.ts";
import { obtainSmollm2, smollm2Name } from "../../src/models/smollm2.ts";

/** The name that reports give the model. */
export const modelName = smollm2Name;

/** Where a real model and an engine for it are. */
export interface Model {
  /** The engine's module. */
  readonly engine: string;
  /** The weights, a GGUF file. */
  readonly weights: string;
}

/** The model, from the user's cache folder; put there first if it is not. */
export async function findModel(): Promise<Model> {
  return {
    engine: await obtainLlamaRuntime({ onProgress }),
    weights: await obtainSmollm2({ onProgress }),
  };
}

function onProgress(line: string): void {
  console.error(line);
}
