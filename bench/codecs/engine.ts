import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type LlamaState, readLlamaState } from "./llama-state.ts";
import type { Model } from "./model.ts";

/** What of node-llama-cpp is used here. */
interface NodeLlamaCpp {
  getLlama(options: object): Promise<Llama>;
}

interface Llama {
  loadModel(options: object): Promise<LoadedModel>;
  dispose(): Promise<void>;
}

interface LoadedModel {
  tokenize(text: string): number[];
  createContext(options: object): Promise<{ getSequence(): Sequence }>;
}

interface Sequence {
  clearHistory(): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
  saveStateToFile(path: string): Promise<unknown>;
  loadStateFromFile(path: string, options: object): Promise<unknown>;
  controlledEvaluate(
    input: readonly (readonly [token: number, options: object])[],
  ): Promise<readonly { readonly next: { readonly logits: ReadonlyMap<number, number> } }[]>;
}

/** A real model that makes KV tensors of a text, and tells what it would say next with others in their place. */
export class Engine implements AsyncDisposable {
  readonly #llama: Llama;
  readonly #model: LoadedModel;
  readonly #sequence: Sequence;
  readonly #folder: string;

  private constructor(llama: Llama, model: LoadedModel, sequence: Sequence, folder: string) {
    this.#llama = llama;
    this.#model = model;
    this.#sequence = sequence;
    this.#folder = folder;
  }

  static async start({ engine, weights }: Model): Promise<Engine> {
    const module = (await import(pathToFileURL(engine).href)) as NodeLlamaCpp;
    const options = { gpu: false, build: "never", logLevel: "error", maxThreads: 2 };
    const llama = await module.getLlama(options);
    const model = await llama.loadModel({ modelPath: weights });
    const context = await model.createContext({ contextSize: 4096, batchSize: 512, sequences: 1 });
    const folder = await mkdtemp(join(tmpdir(), "keepwarm-bench-"));
    return new Engine(llama, model, context.getSequence(), folder);
  }

  tokenize(text: string): readonly number[] {
    return this.#model.tokenize(text);
  }

  /** The state after these tokens. */
  async prefill(tokens: readonly number[]): Promise<LlamaState> {
    const file = join(this.#folder, "state");
    await this.#sequence.clearHistory();
    await this.#sequence.evaluateWithoutGeneratingNewTokens(tokens);
    await this.#sequence.saveStateToFile(file);
    return readLlamaState(await readFile(file));
  }

  /** The logits after each of `tokens`, read after the state in `file`. */
  async logitsAfter(file: Buffer, tokens: readonly number[]): Promise<Float32Array[]> {
    const path = join(this.#folder, "state");
    await writeFile(path, file);
    await this.#sequence.clearHistory();
    await this.#sequence.loadStateFromFile(path, { acceptRisk: true });
    const wanted = { generateNext: { logits: true } };
    const outcomes = await this.#sequence.controlledEvaluate(
      tokens.map((token) => [token, wanted]),
    );
    return outcomes.map(({ next }) => {
      const logits = new Float32Array(next.logits.size);
      for (const [token, logit] of next.logits) logits[token] = logit;
      return logits;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#llama.dispose();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
