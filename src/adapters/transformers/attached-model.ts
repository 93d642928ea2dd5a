import { Attachment, type AttachmentEvents } from "../shared/attachment.ts";
import type { KeepReport, ReuseReason, ReuseReport } from "../shared/report.ts";
import { reuseReport } from "../shared/reuse-report.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { type GenerateOptions, onesMask, promptOf, sequenceOf } from "./prompt.ts";
import type {
  AttachedModel,
  PastKeyValues,
  RestoredCache,
  TransformersLike,
  TransformersModelLike,
} from "./types.ts";

export interface ModelAttachmentEvents extends AttachmentEvents {
  readonly onFailure: (error: unknown) => void;
}

/** A model whose `generate` restores before it begins, and stores when it has ended. */
export class ModelAttachment<Model extends TransformersModelLike>
  extends Attachment
  implements AttachedModel<Model>
{
  readonly model: Model;
  readonly #transformers: TransformersLike;
  readonly #cache: PromptCache | undefined;
  readonly #onFailure: (error: unknown) => void;

  /** @param cache nothing for a model that is not served; or in words, why it is not */
  constructor(
    model: Model,
    transformers: TransformersLike,
    cache: PromptCache | string,
    events: ModelAttachmentEvents,
  ) {
    const declined = typeof cache === "string" ? cache : undefined;
    super(declined, events);
    this.model = model;
    this.#transformers = transformers;
    this.#onFailure = events.onFailure;
    if (typeof cache === "string") return;
    this.#cache = cache;
    this.#replaceGenerate(cache);
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
    return { past_key_values: past, report: this.reused(report) };
  }

  async keep(tokens: readonly number[], past: PastKeyValues): Promise<KeepReport> {
    if (this.#cache === undefined) return this.kept(this.notKept(tokens.length));
    this.#cache.note(past, tokens);
    return this.kept(await this.track(this.#cache.keep(tokens, past)));
  }

  override detach(): void {
    if (this.#cache !== undefined) Reflect.deleteProperty(this.model, "generate");
    super.detach();
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
      this.reused(missed(ids?.dims.at(-1) ?? 0, "unsupported-prompt"));
      return own(options);
    }
    const past = options.past_key_values ?? this.#newPast();
    const known = cache.knows(past, tokens);
    const { restoredTokens } = this.reused(await cache.restore(tokens, past));
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
    const work = kept.then((report) => void this.kept(report), this.#onFailure);
    void this.track(work);
  }

  #newPast(): PastKeyValues {
    return new this.#transformers.DynamicCache() as PastKeyValues;
  }
}

function missed(promptTokens: number, reason: ReuseReason): ReuseReport {
  return reuseReport({ promptTokens, reason, began: performance.now() });
}
