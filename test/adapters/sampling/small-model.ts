import { Random } from "../../../src/adapters/sampling/random.ts";
import {
  drawToken,
  type SuffixGenerator,
  type SuffixToken,
} from "../../../src/adapters/sampling/suffix-generator.ts";
import { measureLogits } from "../../../src/metrics-channel/maths/measure.ts";

/** Ends the text. */
export const end = 2;

/** Logits of the tokens 0, 1 and `end` behind each of them, and (3) behind the prompt. */
const logitsBehind = [[0.3, 1.1, -0.4], [1.4, -0.2, 0.5], [], [0.9, 0.2, -1]];

function logitsAfter(tokens: readonly number[]): readonly number[] {
  return logitsBehind[tokens.at(-1) ?? 3];
}

/** A model so small that all of its texts can be listed, and how often it was asked. */
export class SmallModel implements SuffixGenerator {
  asked = 0;

  async generate(
    prefix: readonly number[],
    { maxTokens, temperature, seed }: { maxTokens: number; temperature: number; seed: number },
  ) {
    this.asked++;
    const random = new Random(seed);
    const text = [...prefix];
    const tokens: SuffixToken[] = [];
    while (tokens.length < maxTokens && text.at(-1) !== end) {
      const logits = logitsAfter(text);
      const measures = measureLogits(logits, temperature);
      const token = drawToken(logits, temperature, measures.temperedNorm, random.next());
      tokens.push({ token, logit: logits[token], ...measures });
      text.push(token);
    }
    return { tokens, ended: text.at(-1) === end };
  }
}

/** Every text of up to `longest` tokens with its probability to the power `alpha`, made to sum up to 1. */
export function lawOf(longest: number, alpha: number): Map<string, number> {
  const weights = new Map<string, number>();
  const extend = (text: readonly number[], probability: number): void => {
    if (text.length === longest || text.at(-1) === end) {
      weights.set(text.join(""), probability ** alpha);
      return;
    }
    const exponentials = logitsAfter(text).map(Math.exp);
    const sum = exponentials.reduce((all, one) => all + one, 0);
    for (const [token, weight] of exponentials.entries())
      extend([...text, token], (probability * weight) / sum);
  };
  extend([], 1);
  const sum = [...weights.values()].reduce((all, one) => all + one, 0);
  return new Map([...weights].map(([text, weight]) => [text, weight / sum]));
}

/**
 * How far counts are from a law: chi-square over the value that it exceeds once in a thousand times if
 * they follow the law (after Wilson and Hilferty). Rare texts count together.
 */
export function misfit(counts: ReadonlyMap<string, number>, law: Map<string, number>): number {
  const total = [...counts.values()].reduce((all, one) => all + one, 0);
  const rare = { wanted: 0, found: 0 };
  const cells = [rare];
  for (const [text, probability] of law) {
    const cell = { wanted: total * probability, found: counts.get(text) ?? 0 };
    if (cell.wanted >= 5) cells.push(cell);
    else {
      rare.wanted += cell.wanted;
      rare.found += cell.found;
    }
  }
  const counted = cells.filter(({ wanted }) => wanted > 0);
  const freedom = counted.length - 1;
  const bound = freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3;
  return (
    counted.reduce((sum, { wanted, found }) => sum + (found - wanted) ** 2 / wanted, 0) / bound
  );
}
