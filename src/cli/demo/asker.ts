import { LlamaKvCache } from "../../adapters/node-llama-cpp/llama-kv-cache.ts";
import type { AttachedSequence } from "../../adapters/node-llama-cpp/types.ts";
import type { ReuseReport } from "../../adapters/shared/report.ts";
import { KeepwarmError } from "../../errors.ts";
import type { BlockStore } from "../../store/contract.ts";
import { Inference, type InferenceOptions, type Sequence } from "../inference/runtime.ts";
import { systemPrompt } from "./document.ts";

/** Tokens of an answer. */
const mostAnswerTokens = 24;

/** How one question went. */
export interface Answer {
  readonly question: string;
  /** Tokens of the prompt: document, question, template. */
  readonly tokens: number;
  /** Milliseconds from the question as text to the first token of the answer. */
  readonly ttftMs: number;
  readonly text: string;
  /** The answer's tokens. */
  readonly said: readonly number[];
  /** What came from the store; nothing where it was not asked. */
  readonly reuse: ReuseReport | undefined;
}

export interface AskerOptions extends InferenceOptions {
  readonly store: BlockStore;
  readonly salt: string;
  readonly ttlMs?: number | undefined;
}

/** Asks a model about documents, with a store behind it or without. */
export class Asker implements AsyncDisposable {
  readonly #inference: Inference;
  readonly #cache: LlamaKvCache;
  readonly #attached: AttachedSequence<Sequence>;

  private constructor(
    inference: Inference,
    cache: LlamaKvCache,
    attached: AttachedSequence<Sequence>,
  ) {
    this.#inference = inference;
    this.#cache = cache;
    this.#attached = attached;
  }

  /** @throws KeepwarmError `UNSUPPORTED` for a model whose state cannot be cut into tokens */
  static async open({ store, salt, ttlMs, ...options }: AskerOptions): Promise<Asker> {
    const inference = await Inference.open(options);
    const { modelPath } = options;
    const cache = await LlamaKvCache.open({ store, modelPath, salt, ttlMs });
    const sequence = inference.context.getSequence();
    await inference.warmUp(sequence);
    const attached = await cache.attach(sequence);
    const asker = new Asker(inference, cache, attached);
    if (attached.declined === undefined) return asker;
    await asker[Symbol.asyncDispose]();
    throw new KeepwarmError("UNSUPPORTED", attached.declined, {
      remedy: "Name a model with full attention in all layers with --model.",
    });
  }

  get sequence(): Sequence {
    return this.#attached.sequence;
  }

  /** The prompt's tokens. */
  prompt(document: string, question: string): number[] {
    return this.#inference.tokensOf([
      { type: "system", text: systemPrompt },
      { type: "user", text: `${document}\n\n${question}` },
    ]);
  }

  /** The beginning of a document that makes a prompt of at most so many tokens, whole paragraphs or sentences. */
  shorten(text: string, tokens: number, question: string): string {
    const sentences = text.split(/(?<=[.\n]) ?/);
    const fits = (count: number): boolean =>
      this.prompt(sentences.slice(0, count).join(" "), question).length <= tokens;
    let [fitting, excess] = [0, sentences.length + 1];
    while (excess - fitting > 1) {
      const middle = (fitting + excess) >> 1;
      if (fits(middle)) fitting = middle;
      else excess = middle;
    }
    return sentences.slice(0, fitting).join(" ").trim();
  }

  /** Leading tokens that prompts about one document share. */
  sharedTokens(document: string, [one, other]: readonly [string, string]): number {
    const [prompt, another] = [this.prompt(document, one), this.prompt(document, other)];
    const differs = prompt.findIndex((token, index) => token !== another[index]);
    return differs < 0 ? prompt.length : differs;
  }

  /** Asks with the store, as somebody whose context another conversation has just used. */
  async askWithStore(document: string, question: string): Promise<Answer> {
    await this.#attached.settled();
    await this.#attached.sequence.clearHistory();
    const answer = await this.#ask(document, question, 0);
    await this.#attached.settled();
    return { ...answer, reuse: this.#attached.lastReuse };
  }

  /**
   * Reads the document and asks; what it computes is stored. Reading ends at `shared`, so that the pieces in which
   * tokens are computed, and with them the last bits of the result, are those of the questions that restore it.
   */
  async read(document: string, question: string, shared: number): Promise<Answer> {
    await this.#attached.sequence.clearHistory();
    const answer = await this.#ask(document, question, shared);
    await this.#attached.settled();
    return answer;
  }

  /** Whether the store took what was computed last. */
  isStored(): boolean {
    return this.#cache.stats().storedTokens > 0;
  }

  /** The same without a store. Nothing can be asked with the store after it. */
  async askWithoutStore(document: string, question: string, shared: number): Promise<Answer> {
    await this.#attached.settled();
    this.#attached.detach();
    await this.#attached.sequence.clearHistory();
    return this.#ask(document, question, shared);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cache.close();
    await this.#inference[Symbol.asyncDispose]();
  }

  async #ask(document: string, question: string, readFirst: number): Promise<Answer> {
    const { sequence } = this.#attached;
    const { model } = this.#inference;
    const began = performance.now();
    const prompt = this.prompt(document, question);
    if (readFirst > 0)
      await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(0, readFirst) as never[]);
    const said: number[] = [];
    let ttftMs = 0;
    for await (const token of sequence.evaluate(prompt.slice(readFirst), { temperature: 0 })) {
      if (said.length === 0) ttftMs = performance.now() - began;
      said.push(token);
      if (said.length === mostAnswerTokens) break;
    }
    const text = model.detokenize(said).trim();
    return { question, tokens: prompt.length, ttftMs, text, said, reuse: undefined };
  }
}
