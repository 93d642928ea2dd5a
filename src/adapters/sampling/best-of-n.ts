import {
  normalizedSequenceLogProb,
  type TokenMetric,
} from "../../metrics-channel/maths/token-metrics.ts";
import { Random } from "./random.ts";
import { drawToken, type Suffix, type SuffixGenerator } from "./suffix-generator.ts";
import { temperedLogSumExp } from "../../metrics-channel/maths/log-sum-exp.ts";

export interface BestOfOptions {
  /** Candidates. Default 8. */
  readonly n?: number | undefined;
  readonly maxTokens: number;
  /** At which candidates are generated. Default 1. */
  readonly temperature?: number | undefined;
  /** What candidates are rated by, divided by their length. Default `logprobs`. */
  readonly metric?: TokenMetric | undefined;
  /**
   * Among how many of the best one is drawn, each with a chance in proportion to its rating as a
   * probability. Default 1: the best.
   */
  readonly topK?: number | undefined;
  /** The same seed gives the same text, as far as the runtime repeats itself. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** A candidate and its rating. */
export interface Candidate extends Suffix {
  /** The metric as a logarithm, divided by the length. */
  readonly rating: number;
}

export interface BestOf {
  readonly chosen: Candidate;
  /** All of them, the best first. */
  readonly candidates: readonly Candidate[];
}

/**
 * Generates several answers to a prompt one after the other, so that they share its KV cache, and
 * chooses the one that the model itself rates best.
 *
 * @throws RangeError for options that cannot be used; what the generator throws
 */
export async function bestOfN(
  generator: SuffixGenerator,
  prompt: readonly number[],
  options: BestOfOptions,
): Promise<BestOf> {
  const { n = 8, maxTokens, temperature = 1, metric = "logprobs", topK = 1, seed } = options;
  for (const [name, value] of Object.entries({ n, maxTokens, topK }))
    if (!(Number.isInteger(value) && value > 0))
      throw new RangeError(`${name} is a whole number above 0, not ${value}`);
  const random = new Random(seed);
  const candidates: Candidate[] = [];
  for (let index = 0; index < n; index++) {
    options.signal?.throwIfAborted();
    const suffix = await generator.generate(prompt, {
      maxTokens,
      temperature,
      seed: random.seed(),
      signal: options.signal,
    });
    const rating = normalizedSequenceLogProb(metric, suffix.tokens, temperature);
    candidates.push({ ...suffix, rating });
  }
  candidates.sort((a, b) => b.rating - a.rating);
  const ratings = candidates.slice(0, topK).map(({ rating }) => rating);
  const chosen = drawToken(ratings, 1, temperedLogSumExp(ratings, 1), random.next());
  return { chosen: candidates[topK === 1 ? 0 : chosen], candidates };
}
