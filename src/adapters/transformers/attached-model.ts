import { reuseReport } from "../shared/reuse-report.ts";
import type { KeepReport, ReuseReason, ReuseReport } from "../shared/report.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { type GenerateOptions, onesMask, promptOf, sequenceOf } from "./prompt.ts";
import type {
  AttachedModel,
  PastKeyValues,
  RestoredCache,
  TransformersLike,
  TransformersModelLike,
} from "./types.ts";

export interface AttachmentEvents {
  readonly onReuse: (report: ReuseReport) => void;
  readonly onKeep: (report: KeepReport) => void;
  readonly onFailure: (error: unknown) => void;
  readonly onDetach: () => void;
}

/** A model whose `generate` restores before it begins, and stores when it has ended. */
export class Attachment<Model extends TransformersModelLike> implements AttachedModel<Model> {
  readonly model: Model;
  readonly declined: string | undefined;
  lastReuse: ReuseReport | undefined;
  lastKeep: KeepReport | undefined;
  readonly #transformers: TransformersLike;
  readonly #cache: PromptCache | undefined;
  readonly #events: AttachmentEvents;
  readonly #pending = new Set<Promise<unknown>>();

  /** @param cache nothing for a model that is not served; or in words, why it is not */
  constructor(
    model: Model,
    transformers: TransformersLike,
    cache: PromptCache | string,
    events: AttachmentEvents,
  ) {
    this.model = model;
    this.#transformers = transformers;
    this.#events = events;
    if (typeof cache === "string") this.declined = cache;
    else {
      this.#cache = cache;
      this.#replaceGenerate(cache);
    }
  }

  async restore(
    tokens: readonly number[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<RestoredCache> {
    const past = this.#newPast();
    const report =
      this.#cache === undefined
        ? missed(tokens.length - 1, "unsupported-model")
        : await this.#cache.restore(tokens, past, signal);
    return { past_key_values: past, report: this.#reused(report) };
  }

  async keep(tokens: readonly number[], past: PastKeyValues): Promise<KeepReport> {
    if (this.#cache === undefined) return this.#kept(notKept(tokens.length, this.declined));
    this.#cache.note(past, tokens);
    return this.#kept(await this.#track(this.#cache.keep(tokens, past)));
  }

  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  detach(): void {
    if (this.#cache !== undefined) Reflect.deleteProperty(this.model, "generate");
    this.#events.onDetach();
  }

  #replaceGenerate(cache: PromptCache): void {
    const { model } = this;
    const own = model.generate.bind(model) as (options: GenerateOptions) => Promise<unknown>;
    const generate = (options: GenerateOptions): Promise<unknown> =>
      this.#generate(cache, own, options);
    Object.defineProperty(model, "generate", {
      value: generate,
      configurable: true,
      writable: true,
    });
  }

  async #generate(
    cache: PromptCache,
    own: (options: GenerateOptions) => Promise<unknown>,
    options: GenerateOptions,
  ): Promise<unknown> {
    const given = Reflect.get(this.model, "generation_config") as object | undefined;
    const tokens = promptOf(options, given);
    if (tokens === undefined) {
      const ids = options.input_ids ?? options.inputs;
      this.#reused(missed(ids?.dims.at(-1) ?? 0, "unsupported-prompt"));
      return own(options);
    }
    const past = options.past_key_values ?? this.#newPast();
    const known = cache.knows(past, tokens);
    const { restoredTokens } = this.#reused(await cache.restore(tokens, past));
    const mask = options.attention_mask ?? onesMask(this.#transformers, tokens.length);
    const result = await own({ ...options, attention_mask: mask, past_key_values: past });
    // What was in a cache that others filled may not be what it should.
    if (known || restoredTokens > 0) this.#keepBehind(cache, result, tokens, past);
    return result;
  }

  /** Stores what a prompt and its answer left, while whoever asked has the answer already. */
  #keepBehind(
    cache: PromptCache,
    result: unknown,
    prompt: readonly number[],
    past: PastKeyValues,
  ): void {
    const tokens = sequenceOf(result) ?? prompt;
    cache.note(past, tokens);
    const kept = cache.keep(tokens, past, prompt.length);
    const work = kept.then((report) => void this.#kept(report), this.#events.onFailure);
    void this.#track(work);
  }

  #newPast(): PastKeyValues {
    return new this.#transformers.DynamicCache() as PastKeyValues;
  }

  #reused(report: ReuseReport): ReuseReport {
    this.lastReuse = report;
    this.#events.onReuse(report);
    return report;
  }

  #kept(report: KeepReport): KeepReport {
    this.lastKeep = report;
    this.#events.onKeep(report);
    return report;
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }
}

function missed(promptTokens: number, reason: ReuseReason): ReuseReport {
  return reuseReport({ promptTokens, reason, began: performance.now() });
}

function notKept(tokens: number, reason: string | undefined): KeepReport {
  const times = { saveMs: 0, totalMs: 0 };
  return { status: "SKIPPED", tokens, storedTokens: 0, storedBytes: 0, times, reason };
}
