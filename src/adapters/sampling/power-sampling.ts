import { tokenMetric } from "../../metrics-channel/maths/token-metrics.ts";
import { acceptanceProbability, type CandidateSums } from "./acceptance.ts";
import { Random } from "./random.ts";
import type { Suffix, SuffixGenerator, SuffixToken } from "./suffix-generator.ts";

export interface PowerSamplingOptions {
  /** Texts are drawn from the model's probability to this power. Default 4; 1 is the model's own law. */
  readonly alpha?: number | undefined;
  /** At which proposals are generated. Default 1 / alpha. It changes how fast, not whither. */
  readonly proposalTemperature?: number | undefined;
  /** Tokens that are added at a time, each time followed by `steps`. Default 192. */
  readonly blockTokens?: number | undefined;
  /** Proposals after each block. Default 8. */
  readonly steps?: number | undefined;
  readonly maxTokens: number;
  /** The same seed gives the same text, as far as the runtime repeats itself. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** A text drawn by power sampling. */
export interface PowerSample extends Suffix {
  /** Suffixes that were proposed, and taken. */
  readonly proposed: number;
  readonly accepted: number;
  /** Tokens that were generated in all. */
  readonly generatedTokens: number;
}

/** One text on its way through a chain. */
export interface ChainState {
  suffix: Suffix;
  proposed: number;
  accepted: number;
  generatedTokens: number;
}

interface StepOptions {
  readonly alpha: number;
  readonly temperature: number;
  /** Longest text. */
  readonly maxTokens: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Draws a text from the model's distribution to the power alpha, nearly: block by block, each followed
 * by Metropolis-Hastings steps that regenerate everything behind a random position and take the result
 * with the probability that makes this law the chain's own.
 *
 * @throws RangeError for options that cannot be used; what the generator throws
 *
 * @example
 * ```ts
 * const sample = await powerSample(generator, prompt, { maxTokens: 128, seed: 7 });
 * ```
 */
export async function powerSample(
  generator: SuffixGenerator,
  prompt: readonly number[],
  options: PowerSamplingOptions,
): Promise<PowerSample> {
  const { alpha = 4, blockTokens = 192, steps = 8, maxTokens, seed, signal } = options;
  const temperature = options.proposalTemperature ?? 1 / alpha;
  for (const [name, value] of Object.entries({ alpha, temperature, blockTokens, maxTokens }))
    if (!(value > 0 && value < Infinity))
      throw new RangeError(`${name} is above 0 and finite, not ${value}`);
  const random = new Random(seed);
  const state: ChainState = {
    suffix: { tokens: [], ended: false },
    proposed: 0,
    accepted: 0,
    generatedTokens: 0,
  };
  while (!state.suffix.ended && state.suffix.tokens.length < maxTokens) {
    const end = Math.min(state.suffix.tokens.length + blockTokens, maxTokens);
    const step = { alpha, temperature, maxTokens: end, signal };
    state.suffix = await regenerate(
      generator,
      prompt,
      state,
      state.suffix.tokens.length,
      random,
      step,
    );
    for (let done = 0; done < steps; done++)
      await metropolisStep(generator, prompt, state, random, step);
  }
  const { suffix, proposed, accepted, generatedTokens } = state;
  return { ...suffix, proposed, accepted, generatedTokens };
}

/** One step of the chain: proposes a text with another end, and takes it or stays. */
export async function metropolisStep(
  generator: SuffixGenerator,
  prompt: readonly number[],
  state: ChainState,
  random: Random,
  options: StepOptions,
): Promise<void> {
  const current = state.suffix;
  const cut = random.below(current.tokens.length);
  const proposed = await regenerate(generator, prompt, state, cut, random, options);
  const probability = acceptanceProbability(
    sumsBehind(current.tokens, cut, options),
    sumsBehind(proposed.tokens, cut, options),
  );
  state.proposed++;
  if (random.next() >= probability) return;
  state.accepted++;
  state.suffix = proposed;
}

/** The text with everything from `cut` on made anew. */
async function regenerate(
  generator: SuffixGenerator,
  prompt: readonly number[],
  state: ChainState,
  cut: number,
  random: Random,
  { temperature, maxTokens, signal }: StepOptions,
): Promise<Suffix> {
  signal?.throwIfAborted();
  const kept = state.suffix.tokens.slice(0, cut);
  const { tokens, ended } = await generator.generate(
    [...prompt, ...kept.map(({ token }) => token)],
    { maxTokens: maxTokens - cut, temperature, seed: random.seed(), signal },
  );
  if (tokens.length === 0) throw new RangeError("a generator gives at least one token");
  state.generatedTokens += tokens.length;
  return { tokens: [...kept, ...tokens], ended };
}

function sumsBehind(
  tokens: readonly SuffixToken[],
  cut: number,
  { alpha, temperature }: StepOptions,
): CandidateSums {
  let target = 0;
  let proposal = 0;
  for (const token of tokens.slice(cut)) {
    target += tokenMetric("power_distribution", token, 1 / alpha);
    proposal += tokenMetric("logprobs", token, temperature);
  }
  return { target, proposal, length: tokens.length };
}
