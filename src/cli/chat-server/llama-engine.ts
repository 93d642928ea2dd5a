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
    const { maxTokens, seed, stop, temperature, topP } = request;
    const meter = attached.sequence.tokenMeter;
    const before = meter.getState().usedInputTokens;
    let prompt: Pick<ChatOutcome, "promptTokens" | "cachedTokens"> | undefined;
    const countPrompt = (): Pick<ChatOutcome, "promptTokens" | "cachedTokens"> => {
      const cachedTokens = attached.lastReuse?.reusedTokens ?? 0;
      // The prompt's last token counts as output there.
      const evaluated = meter.getState().usedInputTokens - before + 1;
      return { cachedTokens, promptTokens: cachedTokens + evaluated };
    };
    let completionTokens = 0;
    const { response, metadata } = await chat.generateResponse(request.messages, {
      signal: options.signal,
      temperature,
      topP,
      ...(seed !== undefined && { seed }),
      ...(maxTokens !== undefined && { maxTokens }),
      ...(stop.length > 0 && { customStopTriggers: stop }),
      onTextChunk: options.onText,
      onToken: (tokens) => {
        // Once only: a chat that outgrows the context is evaluated anew in between.
        prompt ??= countPrompt();
        completionTokens += tokens.length;
      },
    });
    const finish = metadata.stopReason === "maxTokens" ? "length" : "stop";
    prompt ??= countPrompt();
    return { text: response, finish, ...prompt, completionTokens };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cache.close();
    await this.#inference[Symbol.asyncDispose]();
  }
}
