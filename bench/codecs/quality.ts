/** How far decoded numbers are from what they were. */
export interface NumberError {
  readonly maxAbsolute: number;
  /** Root of the mean square error, as a share of the root mean square of the numbers. */
  readonly relativeRmse: number;
  readonly cosine: number;
}

/** How far what a model says next is from what it said before. */
export interface SpeechError {
  /** Mean Kullback-Leibler divergence of the next token's distribution, in nats. */
  readonly divergence: number;
  /** Share of positions at which the likeliest token is the same. */
  readonly sameToken: number;
  /** Perplexity of the text over what it was. */
  readonly perplexity: number;
}

export function numberError(before: Float32Array, after: Float32Array): NumberError {
  let maxAbsolute = 0;
  let [squares, squaresAfter, errors, products] = [0, 0, 0, 0];
  for (const [index, was] of before.entries()) {
    const is = after[index];
    maxAbsolute = Math.max(maxAbsolute, Math.abs(was - is));
    squares += was * was;
    squaresAfter += is * is;
    errors += (was - is) ** 2;
    products += was * is;
  }
  return {
    maxAbsolute,
    relativeRmse: Math.sqrt(errors / squares),
    cosine: products / Math.sqrt(squares * squaresAfter),
  };
}

/**
 * @param before logits after each token
 * @param text the tokens themselves
 */
export function speechError(
  before: readonly Float32Array[],
  after: readonly Float32Array[],
  text: readonly number[],
): SpeechError {
  let divergence = 0;
  let same = 0;
  let lost = 0;
  for (const [position, logits] of before.entries()) {
    const others = after[position];
    const [log, otherLog] = [logSum(logits), logSum(others)];
    for (const [token, logit] of logits.entries()) {
      const probability = Math.exp(logit - log);
      divergence += probability * (logit - log - (others[token] - otherLog));
    }
    if (likeliest(logits) === likeliest(others)) same++;
    const next = text[position + 1];
    if (next !== undefined) lost += logits[next] - log - (others[next] - otherLog);
  }
  return {
    divergence: divergence / before.length,
    sameToken: same / before.length,
    perplexity: Math.exp(lost / (before.length - 1)),
  };
}

function logSum(logits: Float32Array): number {
  const most = logits[likeliest(logits)];
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return most + Math.log(sum);
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++)
    if (logits[token] > logits[best]) best = token;
  return best;
}
