import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import type { LlamaContextLike, LlamaSequenceLike } from "../../adapters/node-llama-cpp/types.ts";
import { KeepwarmError } from "../../errors.ts";

// What of node-llama-cpp is used here. It is no dependency, so its own types are not at hand.

/** A message of a chat, as node-llama-cpp takes it. */
export type ChatItem =
  | { readonly type: "system" | "user"; readonly text: string }
  | { readonly type: "model"; readonly response: readonly string[] };

interface Sampling {
  /** 0, the default, always takes the likeliest token. */
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
}

export interface Sequence extends LlamaSequenceLike {
  evaluate(tokens: readonly number[], options?: Sampling): AsyncGenerator<number, void>;
  dispose(): Promise<void>;
}

export interface Context extends LlamaContextLike {
  getSequence(): Sequence;
}

export interface Model {
  readonly tokenizer: unknown;
  readonly trainContextSize: number;
  readonly fileInfo: { readonly metadata: { general?: { name?: string } } };
  tokenize(text: string, specialTokens?: boolean): number[];
  detokenize(tokens: readonly number[]): string;
  isEogToken(token: number): boolean;
  createContext(options: object): Promise<Context>;
}

interface ChatWrapper {
  generateContextState(options: { chatHistory: readonly ChatItem[] }): {
    readonly contextText: { tokenize(tokenizer: unknown): number[] };
  };
}

interface ChatAnswer {
  readonly response: string;
  readonly metadata: { readonly stopReason: string };
}

interface ChatOptions extends Sampling {
  readonly signal?: AbortSignal;
  readonly stopOnAbortSignal?: boolean;
  readonly maxTokens?: number;
  readonly onTextChunk?: (text: string) => void;
  readonly onToken?: (tokens: readonly number[]) => void;
  readonly customStopTriggers?: readonly string[];
}

export interface Chat {
  generateResponse(history: readonly ChatItem[], options: ChatOptions): Promise<ChatAnswer>;
}

export interface NodeLlamaCpp {
  getLlama(options: object): Promise<Llama>;
  resolveChatWrapper(model: Model): ChatWrapper | null;
  readonly GeneralChatWrapper: new () => ChatWrapper;
  readonly LlamaChat: new (options: { contextSequence: Sequence }) => Chat;
}

interface Llama {
  /** Cores that are worth a thread each. */
  readonly cpuMathCores: number;
  loadModel(options: object): Promise<Model>;
  dispose(): Promise<void>;
}

export interface InferenceOptions {
  /** The module of node-llama-cpp, a file. */
  readonly runtime: string;
  /** The GGUF file. */
  readonly modelPath: string;
  /** Tokens of each context. */
  readonly contextSize: number;
  /** Sequences of a context. Default 1. */
  readonly sequences?: number | undefined;
  /**
   * Threads that evaluate. Default: one less than there are cores, since they spin while they wait for each other,
   * and one that does not get its core holds up all.
   */
  readonly threads?: number | undefined;
}

/** On Macs of today the runtime has only a build that computes on their GPU. */
const gpu = process.platform === "darwin" && process.arch === "arm64" ? "metal" : false;

/** A model in node-llama-cpp, with one context; on the processor where there is a build for it. */
export class Inference implements AsyncDisposable {
  readonly module: NodeLlamaCpp;
  readonly model: Model;
  readonly context: Context;
  readonly #llama: Llama;
  readonly #wrapper: ChatWrapper;

  private constructor(module: NodeLlamaCpp, llama: Llama, model: Model, context: Context) {
    this.module = module;
    this.model = model;
    this.context = context;
    this.#llama = llama;
    this.#wrapper = module.resolveChatWrapper(model) ?? new module.GeneralChatWrapper();
  }

  /** @throws KeepwarmError `INPUT_INVALID` when the runtime cannot load the file. */
  static async open(options: InferenceOptions): Promise<Inference> {
    const { runtime, modelPath, contextSize, sequences = 1 } = options;
    const module = (await import(pathToFileURL(runtime).href)) as NodeLlamaCpp;
    const llama = await module.getLlama({ gpu, build: "never", logLevel: "error" });
    const { cpuMathCores } = llama;
    const threads =
      options.threads ?? Math.max(1, Math.min(cpuMathCores, availableParallelism() - 1));
    try {
      const model = await llama.loadModel({ modelPath });
      const context = await model.createContext({
        contextSize,
        sequences,
        threads,
        batchSize: Math.min(contextSize, 512),
      });
      return new Inference(module, llama, model, context);
    } catch (error) {
      await llama.dispose();
      throw new KeepwarmError("INPUT_INVALID", `node-llama-cpp cannot load ${modelPath}`, {
        cause: error,
        remedy: `It says: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }

  /** A chat up to where the model begins to answer, as the model's own template puts it. */
  tokensOf(chat: readonly ChatItem[]): number[] {
    const answer: ChatItem = { type: "model", response: [] };
    const chatHistory = chat.at(-1)?.type === "model" ? chat : [...chat, answer];
    return this.#wrapper
      .generateContextState({ chatHistory })
      .contextText.tokenize(this.model.tokenizer);
  }

  /** Reads the weights into memory and sets threads going, so that what is timed later has neither to do. */
  async warmUp(sequence: Sequence): Promise<void> {
    const tokens = this.model.tokenize("Good morning. ".repeat(16)).slice(0, 32);
    await sequence.evaluateWithoutGeneratingNewTokens(tokens as never[]);
    await sequence.clearHistory();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#llama.dispose();
  }
}
