import { describe, expect, it } from "vitest";
import { acceptanceProbability } from "../../../src/adapters/sampling/acceptance.ts";
import { bestOfN } from "../../../src/adapters/sampling/best-of-n.ts";
import {
  type ChainState,
  metropolisStep,
  powerSample,
} from "../../../src/adapters/sampling/power-sampling.ts";
import { Random } from "../../../src/adapters/sampling/random.ts";
import { drawToken } from "../../../src/adapters/sampling/suffix-generator.ts";
import { temperedLogSumExp } from "../../../src/metrics-channel/maths/log-sum-exp.ts";
import { normalizedSequenceLogProb } from "../../../src/metrics-channel/maths/token-metrics.ts";
import { end, lawOf, misfit, SmallModel } from "./small-model.ts";

const textOf = (tokens: readonly { readonly token: number }[]) =>
  tokens.map(({ token }) => token).join("");

const draw = (...seeds: number[]) => {
  const random = new Random(...seeds);
  return Array.from({ length: 4 }, () => random.next());
};

const sums = (target: number, proposal: number, length = 5) => ({ target, proposal, length });

describe("Random", () => {
  it("is the same for the same seeds and another for others", () => {
    expect(draw(1)).toEqual(draw(1));
    const all = [[1], [2], [1, 0], [1, 1], [2 ** 32 + 1], [-1], [0]].map((seeds) => draw(...seeds));
    expect(new Set(all.flat()).size).toBe(28);
  });

  it("fills the range from 0 to 1 evenly", () => {
    const random = new Random(42);
    const buckets = new Map<string, number>();
    for (let count = 0; count < 100_000; count++) {
      const bucket = String(random.below(100));
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
    }
    const even = new Map(Array.from({ length: 100 }, (_, index) => [String(index), 0.01]));
    expect(misfit(buckets, even)).toBeLessThan(1);
  });
});

describe("drawToken", () => {
  it.each([0.3, 1, 2.5])("draws from the whole distribution at temperature %s", (temperature) => {
    const logits = [1, -Infinity, 0.2, 2, -1];
    const norm = temperedLogSumExp(logits, temperature);
    const random = new Random(3);
    const counts = new Map<string, number>();
    for (let draw = 0; draw < 20_000; draw++) {
      const token = String(drawToken(logits, temperature, norm, random.next()));
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    expect(counts.has("1")).toBe(false);
    const law = logits.map(
      (z, token) => [String(token), Math.exp(z / temperature - norm)] as const,
    );
    const possible = new Map(law.filter(([, probability]) => probability > 0));
    expect(misfit(counts, possible)).toBeLessThan(1);
  });

  it("takes the highest logit at temperature 0, and when rounding leaves a rest", () => {
    expect(drawToken([1, 3, 2], 0, temperedLogSumExp([1, 3, 2], 0), 0.999)).toBe(1);
    expect(drawToken([1, 3, 2], 1, temperedLogSumExp([1, 3, 2], 1) + 1e-9, 1 - 2 ** -53)).toBe(1);
  });
});

describe("acceptanceProbability", () => {
  it("is the ratio of target and proposal, both ways", () => {
    expect(acceptanceProbability(sums(-3, -1), sums(-4, -1.5))).toBeCloseTo(Math.exp(-0.5), 14);
    expect(acceptanceProbability(sums(-4, -1.5), sums(-3, -1))).toBe(1);
  });

  it("counts the positions at which each text can be cut", () => {
    expect(acceptanceProbability(sums(-3, -1, 4), sums(-3, -1, 8))).toBeCloseTo(0.5, 14);
    expect(acceptanceProbability(sums(-3, -1, 8), sums(-3, -1, 4))).toBe(1);
  });

  it("leaves an impossible text, and never goes to one", () => {
    expect(acceptanceProbability(sums(-3, -1), sums(-Infinity, -1))).toBe(0);
    expect(acceptanceProbability(sums(-Infinity, -1), sums(-3, -1))).toBe(1);
    expect(acceptanceProbability(sums(-Infinity, -1), sums(-Infinity, -1))).toBe(0);
  });
});

describe("power sampling", () => {
  it.each([
    { alpha: 1, temperature: 1, seed: 1 },
    { alpha: 2, temperature: 0.5, seed: 2 },
    { alpha: 4, temperature: 0.6, seed: 23 },
    { alpha: 3, temperature: 1.3, seed: 4 },
  ])("has p^$alpha as its law, with proposals at temperature $temperature", async (options) => {
    const { alpha, temperature, seed } = options;
    const model = new SmallModel();
    const random = new Random(seed);
    const longest = 4;
    const step = { alpha, temperature, maxTokens: longest, signal: undefined };
    const suffix = await model.generate([], { maxTokens: longest, temperature, seed });
    const state: ChainState = { suffix, proposed: 0, accepted: 0, generatedTokens: 0 };
    const counts = new Map<string, number>();
    // Only every tenth state is counted, so that they are nearly independent of each other.
    for (let count = 0; count < 6000; count++) {
      for (let steps = 0; steps < 10; steps++) await metropolisStep(model, [], state, random, step);
      const text = textOf(state.suffix.tokens);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    const law = lawOf(longest, alpha);
    expect([...counts.keys()].every((text) => law.has(text))).toBe(true);
    expect(misfit(counts, law)).toBeLessThan(1);
    if (alpha === 1 && temperature === 1) return;
    // ... which the model's own texts do not have.
    const plain = new Map<string, number>();
    for (let draw = 0; draw < 6000; draw++) {
      const { tokens } = await model.generate([], {
        maxTokens: longest,
        temperature: 1,
        seed: draw,
      });
      plain.set(textOf(tokens), (plain.get(textOf(tokens)) ?? 0) + 1);
    }
    expect(misfit(plain, law)).toBeGreaterThan(10);
  });

  it("is the same for the same seed, and counts what it did", async () => {
    const model = new SmallModel();
    const options = { alpha: 4, maxTokens: 6, blockTokens: 2, steps: 5 };
    const sample = await powerSample(model, [], { ...options, seed: 11 });
    expect(await powerSample(new SmallModel(), [], { ...options, seed: 11 })).toEqual(sample);
    expect(model.asked).toBe(sample.proposed + Math.ceil(sample.proposed / 5));
    expect(sample.proposed % 5).toBe(0);
    expect(sample.accepted).toBeLessThanOrEqual(sample.proposed);
    expect(sample.generatedTokens).toBeGreaterThanOrEqual(sample.tokens.length);
    const texts = new Set<string>();
    for (let seed = 0; seed < 40; seed++)
      texts.add(textOf((await powerSample(model, [], { ...options, seed })).tokens));
    expect(texts.size).toBeGreaterThan(3);
  });

  it("ends with the text or at its longest, block by block", async () => {
    for (let seed = 0; seed < 30; seed++) {
      const { tokens, ended } = await powerSample(new SmallModel(), [1], {
        alpha: 1,
        maxTokens: 5,
        blockTokens: 2,
        steps: 2,
        seed,
      });
      expect(ended).toBe(tokens.at(-1)?.token === end);
      expect(ended || tokens.length === 5).toBe(true);
    }
  });

  it.each([{ alpha: 0 }, { alpha: NaN }, { maxTokens: 0 }, { blockTokens: 0 }])(
    "refuses %o",
    async (wrong) => {
      const options = { maxTokens: 3, seed: 1, ...wrong };
      await expect(powerSample(new SmallModel(), [], options)).rejects.toThrow(RangeError);
    },
  );

  it("stops when asked to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const sampling = powerSample(new SmallModel(), [], { maxTokens: 3, seed: 1, signal });
    await expect(sampling).rejects.toThrow("enough");
  });
});

describe("best of n", () => {
  it("chooses the candidate with the highest rating, and is the same for the same seed", async () => {
    const options = { n: 12, maxTokens: 5, seed: 9, metric: "likelihood_confidence" } as const;
    const { chosen, candidates } = await bestOfN(new SmallModel(), [], options);
    expect(candidates).toHaveLength(12);
    expect(chosen).toBe(candidates[0]);
    for (const { rating, tokens } of candidates) {
      expect(rating).toBeLessThanOrEqual(chosen.rating);
      expect(rating).toBe(normalizedSequenceLogProb("likelihood_confidence", tokens, 1));
    }
    expect((await bestOfN(new SmallModel(), [], options)).chosen).toEqual(chosen);
  });

  it("draws among the best in proportion to their ratings", async () => {
    const counts = new Map<string, number>();
    const rounds = 3000;
    for (let seed = 0; seed < rounds; seed++) {
      const { chosen, candidates } = await bestOfN(new SmallModel(), [], {
        n: 4,
        topK: 2,
        maxTokens: 3,
        seed,
      });
      const [first, second] = candidates;
      const share = 1 / (1 + Math.exp(second.rating - first.rating));
      counts.set("wanted", (counts.get("wanted") ?? 0) + share);
      if (chosen === first) counts.set("first", (counts.get("first") ?? 0) + 1);
      else expect(chosen).toBe(second);
    }
    const off = counts.get("first")! - counts.get("wanted")!;
    expect(Math.abs(off)).toBeLessThan(3.3 * Math.sqrt(rounds / 4)); // p = 0.001
  });

  it.each([{ n: 0 }, { topK: 0.5 }, { maxTokens: 0 }])("refuses %o", async (wrong) => {
    const options = { maxTokens: 3, seed: 1, ...wrong };
    await expect(bestOfN(new SmallModel(), [], options)).rejects.toThrow(RangeError);
  });
});
