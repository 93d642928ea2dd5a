/**
 * The least temperature that is calculated with; what is lower, 0 included, counts as this. There the
 * distribution is greedy already: a logit that is 0.001 lower has a probability of e^-100. vLLM takes
 * the same bound for "greedy".
 */
export const leastTemperature = 1e-5;

/**
 * The temperature to divide by.
 *
 * @throws TypeError for what is negative or no number
 */
export function usableTemperature(temperature: number): number {
  if (!(temperature >= 0)) throw new TypeError(`a temperature is 0 or more, not ${temperature}`);
  return Math.max(temperature, leastTemperature);
}

/**
 * `ln Σ exp(z)`, the normalisation constant: what a logit is to be lowered by to be a log-probability.
 * Tokens that are ruled out have the logit -Infinity. Without any other the result is -Infinity.
 */
export function logSumExp(logits: ArrayLike<number>): number {
  return temperedLogSumExp(logits, 1);
}

/**
 * `ln Σ exp(z / T)`, the normalisation constant at temperature T.
 *
 * @throws TypeError when the temperature is negative or no number
 */
export function temperedLogSumExp(logits: ArrayLike<number>, temperature: number): number {
  const divisor = usableTemperature(temperature);
  const highest = maximum(logits);
  if (!Number.isFinite(highest)) return highest;
  let sum = 0;
  for (let at = 0; at < logits.length; at++) sum += Math.exp((logits[at] - highest) / divisor);
  return highest / divisor + Math.log(sum);
}

/** The highest of some numbers, NaN when one of them is; -Infinity of none. */
export function maximum(numbers: ArrayLike<number>): number {
  let highest = -Infinity;
  for (let at = 0; at < numbers.length; at++) {
    const number = numbers[at];
    if (number > highest) highest = number;
    else if (Number.isNaN(number)) return NaN;
  }
  return highest;
}
