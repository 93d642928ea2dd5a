import { randomUUID } from "node:crypto";
import type { ChatOutcome } from "./engine.ts";

/** Makes the objects that OpenAI's API replies to one request. */
export class Reply {
  readonly #id = `chatcmpl-${randomUUID().replaceAll("-", "")}`;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  /** The whole answer. */
  completion(outcome: ChatOutcome): object {
    const message = { role: "assistant", content: outcome.text, refusal: null };
    const choice = { index: 0, message, logprobs: null, finish_reason: outcome.finish };
    return { ...this.#head("chat.completion"), choices: [choice], usage: usageOf(outcome) };
  }

  /** A piece of the answer: its beginning, or text. */
  piece(delta: { readonly role?: "assistant"; readonly content: string }): object {
    return this.#chunk(delta, null);
  }

  /** What follows the last piece. */
  end({ finish }: ChatOutcome): object {
    return this.#chunk({}, finish);
  }

  /** The count of tokens, for those who asked for it. */
  usage(outcome: ChatOutcome): object {
    return { ...this.#head("chat.completion.chunk"), choices: [], usage: usageOf(outcome) };
  }

  #chunk(delta: object, finish: string | null): object {
    const choice = { index: 0, delta, logprobs: null, finish_reason: finish };
    return { ...this.#head("chat.completion.chunk"), choices: [choice] };
  }

  #head(object: string): object {
    return { id: this.#id, object, created: this.#created, model: this.#model };
  }
}

function usageOf({ promptTokens, cachedTokens, completionTokens }: ChatOutcome): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}
