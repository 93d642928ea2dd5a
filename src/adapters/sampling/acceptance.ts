/** Sums of logarithms over the part of a text that two candidates do not share. */
export interface CandidateSums {
  /** Of what the text shall be drawn from, up to a constant that both have. */
  readonly target: number;
  /** Of the probabilities with which the tokens were drawn. */
  readonly proposal: number;
  /** Tokens of the whole text: that many positions can be cut at. */
  readonly length: number;
}

/**
 * With which probability a Metropolis-Hastings chain goes from the current text to a proposed one that
 * has the same tokens before the cut. The cut is drawn evenly among the current text's positions, so a
 * proposal of another length has another chance of the way back; its lengths make up for that.
 */
export function acceptanceProbability(current: CandidateSums, proposed: CandidateSums): number {
  const ratio =
    proposed.target +
    current.proposal -
    current.target -
    proposed.proposal +
    Math.log(current.length / proposed.length);
  // Between two impossible texts any step will do; NaN is no probability.
  return Number.isNaN(ratio) ? 0 : Math.min(1, Math.exp(ratio));
}
