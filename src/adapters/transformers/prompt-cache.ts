import type { ServingSettings } from "../shared/kv-cache.ts";
import type { KeepReport, ReuseReason, ReuseReport } from "../shared/report.ts";
import { reuseReport } from "../shared/reuse-report.ts";
import { joinChunks, KvTensors } from "./chunk-layout.ts";
import type { KvShape } from "./kv-shape.ts";
import type { PastKeyValues, TransformersLike } from "./types.ts";

export interface PromptCacheSettings extends ServingSettings {
  readonly transformers: TransformersLike;
  readonly shape: KvShape;
}

/** Moves keys and values of prompts between a model's caches and the store. */
export class PromptCache {
  readonly #settings: PromptCacheSettings;
  /** The tokens whose keys and values are in caches that were seen here. */
  readonly #contents = new WeakMap<object, readonly number[]>();
  /** Where prompts leave those before them. */
  readonly #forks = new WeakMap<object, number>();

  constructor(settings: PromptCacheSettings) {
    this.#settings = settings;
  }

  /** Puts as much of a prompt into `past` as the store has, and at least one token less than all. */
  async restore(
    tokens: readonly number[],
    past: PastKeyValues,
    signal?: AbortSignal,
  ): Promise<ReuseReport> {
    const began = performance.now();
    const { engine, minGainTokens, recent } = this.#settings;
    this.#forks.set(past, recent.add(tokens));
    const resident = past.get_seq_length();
    const maxTokens = tokens.length - 1;
    const base = { promptTokens: maxTokens, residentTokens: resident, began };
    if (maxTokens - resident < minGainTokens) return reuseReport({ ...base, reason: "resident" });
    if (resident > 0) {
      const { prefixTokens } = await engine.lookup(tokens, { signal });
      if (prefixTokens - resident < minGainTokens)
        return reuseReport({ ...base, reason: "resident" });
    }
    using found = await engine.retrieve(tokens, { maxTokens, signal });
    const { prefixTokens, times, bytes, tiers } = found;
    const reason: ReuseReason | undefined = "reason" in found ? found.reason : undefined;
    if (prefixTokens - resident < minGainTokens)
      return reuseReport({ ...base, times, reason: reason ?? "resident" });
    const fetched = performance.now();
    const { transformers, shape } = this.#settings;
    const tensors = joinChunks(transformers, shape, found.chunks, prefixTokens);
    if (tensors === undefined) return reuseReport({ ...base, times, reason: "restore-failed" });
    const assembled = performance.now();
    past.update(tensors as never);
    this.#contents.set(past, tokens.slice(0, prefixTokens));
    const assembleMs = assembled - fetched;
    const restoreMs = performance.now() - assembled;
    return reuseReport({
      ...base,
      restoredTokens: prefixTokens,
      bytes,
      tiers,
      times: { ...times, assembleMs, restoreMs },
      reason,
    });
  }

  /** Whether it is known that what `past` has is of the first of `tokens`. */
  knows(past: PastKeyValues, tokens: readonly number[]): boolean {
    const length = past.get_seq_length();
    const contents = this.#contents.get(past) ?? [];
    return contents.length === length && contents.every((token, at) => token === tokens[at]);
  }

  /** `past` has been computed on, and is now of the first of `tokens`. */
  note(past: PastKeyValues, tokens: readonly number[]): void {
    this.#contents.set(past, tokens.slice(0, past.get_seq_length()));
  }

  /**
   * Stores what is in `past`, which is of the first of `tokens`.
   *
   * @param promptLength Leading tokens that were not generated
   */
  async keep(
    tokens: readonly number[],
    past: PastKeyValues,
    promptLength = tokens.length,
  ): Promise<KeepReport> {
    const began = performance.now();
    const { engine, shape, budget, minGainTokens, storeGenerated } = this.#settings;
    const values = KvTensors.of(shape, past);
    const length = Math.min(values?.length ?? 0, storeGenerated ? tokens.length : promptLength);
    const report = (rest: Omit<KeepReport, "tokens" | "times">): KeepReport => ({
      tokens: length,
      times: { saveMs: 0, totalMs: performance.now() - began },
      ...rest,
    });
    const skipped = (reason: string): KeepReport =>
      report({ status: "SKIPPED", storedTokens: 0, storedBytes: 0, reason });
    if (values === undefined) return skipped("unsupported-layout");
    if (length < minGainTokens) return skipped("too-short");
    const bytes = length * shape.tokenBytes;
    if (!budget.take(bytes)) return skipped("over-budget");
    try {
      const fork = this.#forks.get(past) ?? 0;
      // Of a prompt that is asked again the last token is evaluated again.
      const again = promptLength - 1;
      const tails = [fork >= minGainTokens ? Math.min(fork, again) : again, again, length];
      const stored = await engine.store(tokens.slice(0, length), (range) => values.cut(range), {
        tails: tails.filter((position) => position <= length),
      });
      const { status, storedTokens, storedBytes, reason } = stored;
      return report({ status, storedTokens, storedBytes, reason });
    } finally {
      budget.give(bytes);
    }
  }
}
