import { LlamaKvCache } from "../../adapters/node-llama-cpp/llama-kv-cache.ts";
import type { AttachedSequence } from "../../adapters/node-llama-cpp/types.ts";
import type { BlockStore } from "../../store/contract.ts";
import {
  type Chat,
  Inference,
  type InferenceOptions,
  type Sequence,
} from "../inference/runtime.ts";
import type { AnswerOptions, ChatEngine, ChatOutcome } from "./engine.ts";
import { ChatProblem } from "./problem.ts";
import type { ChatRequest } from "./request.ts";

export interface LlamaEngineOptions extends InferenceOptions {
  /** Where blocks are: a store, or its URL. */
  readonly store: BlockStore | string;
}

interface Slot {
  readonly chat: Chat;
  readonly attached: AttachedSequence<Sequence>;
}

/** Answers with a model in node-llama-cpp; prompts are restored from the store as far as it has them. */
export class LlamaEngine implements ChatEngine, AsyncDisposable {
  readonly #inference: Inference;
  readonly #cache: LlamaKvCache;
  readonly #slots: readonly Slot[];

  private constructor(inference: Inference, cache: LlamaKvCache, slots: readonly Slot[]) {
    this.#inference = inference;
    this.#cache = cache;
    this.#slots = slots;
  }

  static async open({ store, ...options }: LlamaEngineOptions): Promise<LlamaEngine> {
    const inference = await Inference.open(options);
    const cache = await LlamaKvCache.open({ store, modelPath: options.modelPath });
    const slots: Slot[] = [];
    for (let slot = 0; slot < (options.sequences ?? 1); slot++) {
      const attached = await cache.attach(inference.context.getSequence());
      const chat = new inference.module.LlamaChat({ contextSequence: attached.sequence });
      slots.push({ chat, attached });
    }
    return new LlamaEngine(inference, cache, slots);
  }

  get width(): number {
    return this.#slots.length;
  }

  /** Why prompts are not restored with this model, if they are not. */
  get declined(): string | undefined {
    return this.#slots[0].attached.declined;
  }

  async answer(request: ChatRequest, slot: number, options: AnswerOptions): Promise<ChatOutcome> {
    const { chat, attached } = this.#slots[slot];
    const { seed, stop, temperature, topP } = request;
    const promptTokens = this.#inference.tokensOf(request.messages).length;
    const maxTokens = Math.min(request.maxTokens ?? Infinity, this.#roomBehind(promptTokens));
    let cachedTokens = 0;
    let completionTokens = 0;
    const { response, metadata } = await chat.generateResponse(request.messages, {
      signal: options.signal,
      temperature,
      topP,
      ...(seed !== undefined && { seed }),
      maxTokens,
      ...(stop.length > 0 && { customStopTriggers: stop }),
      onTextChunk: options.onText,
      onToken: (tokens) => {
        if (completionTokens === 0) cachedTokens = attached.lastReuse?.reusedTokens ?? 0;
        completionTokens += tokens.length;
      },
    });
    const finish = metadata.stopReason === "maxTokens" ? "length" : "stop";
    return { text: response, finish, promptTokens, cachedTokens, completionTokens };
  }

  /**
   * Tokens that an answer may have before the runtime would drop the beginning of the chat.
   *
   * @throws ChatProblem 400 when there is no room for one
   */
  #roomBehind(promptTokens: number): number {
    const { contextSize } = this.#inference.context;
    const room = contextSize - 1 - promptTokens;
    if (room >= 1) return room;
    throw new ChatProblem(
      400,
      `the chat has ${promptTokens} tokens; with an answer at most ${contextSize} fit (--context-size)`,
      { param: "messages", code: "context_length_exceeded" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cache.close();
    await this.#inference[Symbol.asyncDispose]();
  }
}
