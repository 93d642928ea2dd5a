import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isKeepwarmError } from "../../../src/errors.ts";
import {
  leastTemperature,
  logSumExp,
  temperedLogSumExp,
} from "../../../src/metrics-channel/maths/log-sum-exp.ts";
import { entropy, measureLogits } from "../../../src/metrics-channel/maths/measure.ts";
import {
  normalizedSequenceLogProb,
  normalizedSequenceProb,
  type RatedToken,
  sequenceLogProb,
  sequenceProb,
  tokenMetric,
  tokenMetrics,
} from "../../../src/metrics-channel/maths/token-metrics.ts";

interface Vector {
  readonly name: string;
  readonly temperature: number;
  readonly logits: readonly (number | null)[];
  readonly token: number;
  readonly norm: number;
  readonly temperedNorm: number;
  readonly entropy: number;
  readonly logprobs: number;
  readonly power_distribution: number;
  readonly likelihood_confidence: number;
}

/** Made by make_vectors.py, with 60 digits. */
const vectors = JSON.parse(
  readFileSync(new URL("vectors.json", import.meta.url), "utf8"),
) as Vector[];

/** Off by no more than so many times the spacing of float64 at `scale`. */
function expectNear(actual: number, wanted: number, scale: number): void {
  const tolerance = 64 * Number.EPSILON * Math.max(1, Math.abs(scale));
  expect(Math.abs(actual - wanted), `${actual}, not ${wanted}`).toBeLessThanOrEqual(tolerance);
}

describe.each(vectors)("$name, at temperature $temperature", (vector) => {
  const { temperature, token: chosen } = vector;
  const logits = Float64Array.from(vector.logits, (logit) => logit ?? -Infinity);
  const divided = Math.max(Math.abs(logits[chosen]), 1) / Math.max(temperature, leastTemperature);

  it("has the constants and the entropy of the golden vector", () => {
    expectNear(logSumExp(logits), vector.norm, vector.norm);
    expectNear(temperedLogSumExp(logits, temperature), vector.temperedNorm, divided);
    expectNear(entropy(logits), vector.entropy, 10);
    const measures = measureLogits(logits, temperature);
    expectNear(measures.norm, vector.norm, vector.norm);
    expectNear(measures.temperedNorm, vector.temperedNorm, divided);
    expectNear(measures.entropy, vector.entropy, 10);
  });

  it("has the metrics of the golden vector", () => {
    const token = { logit: logits[chosen], ...measureLogits(logits, temperature) };
    for (const metric of tokenMetrics)
      expectNear(tokenMetric(metric, token, temperature), vector[metric], divided);
  });

  it("takes float32 rows as they are", () => {
    expect(measureLogits(Float32Array.from(logits), temperature)).toEqual(
      measureLogits(logits, temperature),
    );
  });
});

describe("edges", () => {
  it("has no distribution without a token that is possible", () => {
    const row = [-Infinity, -Infinity];
    expect(logSumExp([])).toBe(-Infinity);
    expect(temperedLogSumExp(row, 0.5)).toBe(-Infinity);
    expect(measureLogits(row)).toEqual({ norm: -Infinity, temperedNorm: -Infinity, entropy: NaN });
  });

  it("hands NaN on, wherever it stands, and +Infinity", () => {
    for (const row of [
      [NaN, 1],
      [1, NaN],
      [-Infinity, NaN, 2],
    ])
      expect(logSumExp(row)).toBeNaN();
    expect(logSumExp([1, Infinity])).toBe(Infinity);
  });

  it("takes temperature 0 as greedy: the best token has all probability", () => {
    const token = { logit: 4, temperedNorm: temperedLogSumExp([4, 3.9, -Infinity], 0) };
    expect(tokenMetric("logprobs", token, 0)).toBe(0);
    expect(tokenMetric("logprobs", { ...token, logit: 3.9 }, 0)).toBeLessThan(-9000);
  });

  it.each([-1, NaN])("refuses temperature %s", (temperature) => {
    expect(() => temperedLogSumExp([1], temperature)).toThrow(TypeError);
    expect(() => measureLogits([1], temperature)).toThrow(TypeError);
    expect(() => tokenMetric("logprobs", { logit: 1, temperedNorm: 1 }, temperature)).toThrow(
      TypeError,
    );
  });

  it("does not take a measure that is missing for 0", () => {
    for (const metric of tokenMetrics) {
      let caught: unknown;
      try {
        tokenMetric(metric, { logit: 1 }, 1);
      } catch (error) {
        caught = error;
      }
      expect(isKeepwarmError(caught, "INPUT_INVALID"), metric).toBe(true);
    }
  });
});

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

describe("sequences", () => {
  const temperature = 0.5;
  const tokens: RatedToken[] = [
    [2, 1, 0],
    [0, 3, -1],
    [1, 1, 1],
  ].map((row) => ({ logit: row[1], ...measureLogits(row, temperature) }));
  const each = (metric: (typeof tokenMetrics)[number]) =>
    tokens.map((token) => tokenMetric(metric, token, temperature));
  const meanEntropy = sum(each("entropy")) / 3;

  const log = (metric: (typeof tokenMetrics)[number]) =>
    sequenceLogProb(metric, tokens, temperature);

  it("are sums, but for the entropy, which is a mean with the sign turned", () => {
    expect(log("logprobs")).toBe(sum(each("logprobs")));
    expect(log("power_distribution")).toBe(sum(each("power_distribution")));
    expect(log("entropy")).toBe(-meanEntropy);
    expect(log("likelihood_confidence")).toBeCloseTo(sum(each("logprobs")) - meanEntropy, 14);
  });

  it("are divided by their length, but for the entropy", () => {
    for (const metric of tokenMetrics) {
      const whole = sequenceLogProb(metric, tokens, temperature);
      const normalized = normalizedSequenceLogProb(metric, tokens, temperature);
      expect(normalized).toBe(metric === "entropy" ? whole : whole / 3);
      expect(sequenceProb(metric, tokens, temperature)).toBe(Math.exp(whole));
      expect(normalizedSequenceProb(metric, tokens, temperature)).toBe(Math.exp(normalized));
    }
  });

  it("say the same of a sequence as the product of its tokens' probabilities", () => {
    const product = [2, 1, 0].map((z) => Math.exp(z / temperature));
    const first = product[1] / sum(product);
    expect(sequenceProb("logprobs", tokens.slice(0, 1), temperature)).toBeCloseTo(first, 14);
  });

  it("have a token at least", () => {
    expect(() => sequenceLogProb("logprobs", [], 1)).toThrow(TypeError);
  });
});
