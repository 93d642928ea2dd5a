export interface PlainMeasures {
  readonly norm: number;
  readonly temperedNorm: number;
  readonly entropy: number;
  /** Logit of each token. */
  readonly logits: ReadonlyMap<number, number>;
}

/** Both constants and the entropy from probabilities, smallest terms first, with nothing of src/. */
export function plainMeasures(
  logits: ReadonlyMap<number, number>,
  temperature: number,
): PlainMeasures {
  const ascending = [...logits.values()].toSorted((a, b) => a - b);
  const whole = sumOf(ascending.map((z) => Math.exp(z)));
  const entropy = -sumOf(
    ascending.map((z) => Math.exp(z) / whole).map((p) => (p > 0 ? p * Math.log(p) : 0)),
  );
  const temperedNorm = Math.log(sumOf(ascending.map((z) => Math.exp(z / temperature))));
  return { norm: Math.log(whole), temperedNorm, entropy, logits };
}

function sumOf(terms: readonly number[]): number {
  return terms.reduce((sum, term) => sum + term, 0);
}
