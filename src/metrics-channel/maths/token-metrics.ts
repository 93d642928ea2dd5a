import { KeepwarmError } from "../../errors.ts";
import { usableTemperature } from "./log-sum-exp.ts";

/**
 * Ways to rate a token, of PITA's documents. z is the logit of the chosen token, N and N_T are the
 * normalisation constants, H the entropy, T the temperature:
 *
 * - `logprobs`: `z / T - N_T`, its log-probability as it was sampled
 * - `power_distribution`: `(z - N) / T`, α times its log-probability, with α = 1 / T
 * - `entropy`: `H`
 * - `likelihood_confidence`: `logprobs - H`
 */
export const tokenMetrics = [
  "logprobs",
  "power_distribution",
  "entropy",
  "likelihood_confidence",
] as const;

export type TokenMetric = (typeof tokenMetrics)[number];

/** A generated token: its logit and what was measured of the others. */
export interface RatedToken {
  /** The raw logit of the token that was chosen. */
  readonly logit: number;
  readonly norm?: number | undefined;
  readonly temperedNorm?: number | undefined;
  readonly entropy?: number | undefined;
}

const formulas: Readonly<Record<TokenMetric, (token: RatedToken, temperature: number) => number>> =
  {
    logprobs: (token, temperature) =>
      token.logit / temperature - taken(token, "temperedNorm", "logprobs"),
    power_distribution: (token, temperature) =>
      (token.logit - taken(token, "norm", "power_distribution")) / temperature,
    entropy: (token) => taken(token, "entropy", "entropy"),
    likelihood_confidence: (token, temperature) =>
      formulas.logprobs(token, temperature) - taken(token, "entropy", "likelihood_confidence"),
  };

/**
 * A metric of one token.
 *
 * @throws KeepwarmError `INPUT_INVALID` when a measure that it needs was not taken: a missing constant
 *   must not count as 0. TypeError when the temperature is negative or no number.
 */
export function tokenMetric(metric: TokenMetric, token: RatedToken, temperature: number): number {
  return formulas[metric](token, usableTemperature(temperature));
}

/**
 * A metric of a sequence, as a logarithm: the sum over its tokens. `entropy` is the negative mean
 * instead, and `likelihood_confidence` the sum of log-probabilities less the mean entropy.
 *
 * @throws As {@link tokenMetric}, and TypeError for a sequence without tokens
 */
export function sequenceLogProb(
  metric: TokenMetric,
  tokens: readonly RatedToken[],
  temperature: number,
): number {
  if (tokens.length === 0) throw new TypeError("a sequence without tokens has no metric");
  const sum = (name: TokenMetric) =>
    tokens.reduce((all, token) => all + tokenMetric(name, token, temperature), 0);
  const meanEntropy = () => sum("entropy") / tokens.length;
  switch (metric) {
    case "entropy":
      return -meanEntropy();
    case "likelihood_confidence":
      return sum("logprobs") - meanEntropy();
    default:
      return sum(metric);
  }
}

/** {@link sequenceLogProb} as a probability: its exponential, which underflows to 0 for long sequences. */
export function sequenceProb(
  metric: TokenMetric,
  tokens: readonly RatedToken[],
  temperature: number,
): number {
  return Math.exp(sequenceLogProb(metric, tokens, temperature));
}

/**
 * {@link sequenceLogProb} divided by the number of tokens, so that long sequences compare with short
 * ones. `entropy` is a mean already and stays as it is.
 */
export function normalizedSequenceLogProb(
  metric: TokenMetric,
  tokens: readonly RatedToken[],
  temperature: number,
): number {
  const whole = sequenceLogProb(metric, tokens, temperature);
  return metric === "entropy" ? whole : whole / tokens.length;
}

/** {@link normalizedSequenceLogProb} as a probability: its exponential. */
export function normalizedSequenceProb(
  metric: TokenMetric,
  tokens: readonly RatedToken[],
  temperature: number,
): number {
  return Math.exp(normalizedSequenceLogProb(metric, tokens, temperature));
}

function taken(
  token: RatedToken,
  measure: "norm" | "temperedNorm" | "entropy",
  metric: TokenMetric,
): number {
  const value = token[measure];
  if (value !== undefined) return value;
  throw new KeepwarmError("INPUT_INVALID", `${metric} needs ${measure}, which was not measured`, {
    remedy: "Let the logits processor measure it, or choose another metric.",
  });
}
