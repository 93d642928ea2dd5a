import { usableTemperature } from "../../metrics-channel/maths/log-sum-exp.ts";
import type { RatedToken } from "../../metrics-channel/maths/token-metrics.ts";

/** A generated token with its logit and what was measured of the others. */
export interface SuffixToken extends RatedToken {
  readonly token: number;
}

/** What was generated behind a prefix. */
export interface Suffix {
  readonly tokens: readonly SuffixToken[];
  /** Whether the last token ends the text, so that nothing can follow it. */
  readonly ended: boolean;
}

export interface SuffixOptions {
  /** 1 or more. */
  readonly maxTokens: number;
  /** Tokens are drawn from `softmax(z / temperature)`, the whole of it. */
  readonly temperature: number;
  /** The same prefix, options and seed give the same tokens. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What samplers need of an inference runtime. It keeps the KV cache of the longest prefix that it can:
 * samplers ask for many suffixes of one prefix.
 */
export interface SuffixGenerator {
  /** Continues `prefix` until a token ends the text or there are `maxTokens`; always at least one. */
  generate(prefix: readonly number[], options: SuffixOptions): Promise<Suffix>;
}

/** Draws an index of `logits` from `softmax(logits / temperature)`; at 0 the index of the highest. */
export function drawToken(
  logits: ArrayLike<number>,
  temperature: number,
  temperedNorm: number,
  uniform: number,
): number {
  const divisor = usableTemperature(temperature);
  let left = uniform;
  let highest = 0;
  for (let index = 0; index < logits.length; index++) {
    if (logits[index] > logits[highest]) highest = index;
    if (temperature === 0) continue;
    left -= Math.exp(logits[index] / divisor - temperedNorm);
    if (left < 0) return index;
  }
  return highest;
}
