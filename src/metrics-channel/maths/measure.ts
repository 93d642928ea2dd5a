import { maximum, usableTemperature } from "./log-sum-exp.ts";

/** What a row of logits says about one generated token, all in natural logarithms. */
export interface LogitsMeasures {
  /** `ln Σ exp(z)`. */
  readonly norm: number;
  /** `ln Σ exp(z / T)`. */
  readonly temperedNorm: number;
  /** `-Σ p ln p` with `p = softmax(z)`, at temperature 1, in nats. */
  readonly entropy: number;
}

/**
 * All measures of a row of logits in two passes, in float64.
 *
 * @param temperature T of the tempered norm; see `leastTemperature` for 0. Default 1.
 * @throws TypeError when the temperature is negative or no number
 */
export function measureLogits(logits: ArrayLike<number>, temperature: number = 1): LogitsMeasures {
  const divisor = usableTemperature(temperature);
  const highest = maximum(logits);
  if (!Number.isFinite(highest)) return { norm: highest, temperedNorm: highest, entropy: NaN };
  const tempered = divisor !== 1;
  let sum = 0;
  let temperedSum = 0;
  let weighted = 0;
  for (let at = 0; at < logits.length; at++) {
    const below = logits[at] - highest;
    if (below === -Infinity) continue;
    const weight = Math.exp(below);
    sum += weight;
    weighted += weight * below;
    if (tempered) temperedSum += Math.exp(below / divisor);
  }
  const log = Math.log(sum);
  return {
    norm: highest + log,
    temperedNorm: tempered ? highest / divisor + Math.log(temperedSum) : highest + log,
    entropy: log - weighted / sum,
  };
}

/**
 * `-Σ p ln p` in nats, with `p = softmax(logits)`: 0 when one token has all probability, `ln n` when n
 * tokens are alike. NaN when no token is possible.
 */
export function entropy(logits: ArrayLike<number>): number {
  return measureLogits(logits).entropy;
}
