import type { MetricsChannel } from "../../metrics-channel/channel/metrics-channel.ts";
import type { TokenSample } from "../../metrics-channel/channel/sample.ts";
import { measureLogits } from "../../metrics-channel/maths/measure.ts";
import { Random } from "../sampling/random.ts";
import { drawToken, type SuffixGenerator, type SuffixToken } from "../sampling/suffix-generator.ts";

/** What node-llama-cpp tells of the token behind an evaluated one. */
interface NextToken {
  readonly token?: number | null;
  readonly logits?: ReadonlyMap<number, number>;
  readonly totalLogitWeight?: number;
}

/** What of node-llama-cpp's `LlamaContextSequence` is used. Version 3.22 has it. */
export interface MeasurableSequence {
  readonly nextTokenIndex: number;
  readonly model: { isEogToken(token: never): boolean };
  adaptStateToTokens(tokens: never[], allowShift?: boolean): Promise<void>;
  controlledEvaluate(
    input: never[],
  ): Promise<readonly (undefined | { readonly next: NextToken })[]>;
}

export interface MeasuredGenerationOptions {
  readonly maxTokens: number;
  /** At which tokens are drawn; 0 takes the most probable one. Default 1. */
  readonly temperature?: number | undefined;
  /** Default a random one. */
  readonly seed?: number | undefined;
  /**
   * - `all` (default): norm, tempered norm and entropy. All logits come over from llama.cpp: about 25 ms
   *   more for each token at a vocabulary of 49,152 on a CPU.
   * - `norm`: the norm only, nearly free, since llama.cpp sums up the logits itself and draws the token.
   */
  readonly measures?: "all" | "norm" | undefined;
  /** Where samples go; the channel is told how many there are at the end. */
  readonly feed?:
    | { readonly channel: Pick<MetricsChannel, "push" | "finish">; readonly request: string }
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A generated token and what was measured when it was drawn. */
export interface MeasuredToken extends SuffixToken {
  readonly sample: TokenSample;
}

/**
 * Continues `prompt` and measures each token. What the sequence holds of the prompt already is not
 * evaluated again; with a Keepwarm cache attached, neither is what the store has. A token that ends the
 * text is the last one given.
 *
 * @throws RangeError for an empty prompt; the signal's reason; what the runtime throws
 *
 * @example
 * ```ts
 * const feed = { channel, request };
 * for await (const { token } of generateMeasured(sequence, prompt, { maxTokens: 64, feed }))
 *   process.stdout.write(model.detokenize([token]));
 * ```
 */
export async function* generateMeasured(
  sequence: MeasurableSequence,
  prompt: readonly number[],
  options: MeasuredGenerationOptions,
): AsyncGenerator<MeasuredToken, void, void> {
  const { maxTokens, measures = "all", feed, signal } = options;
  if (prompt.length === 0) throw new RangeError("a prompt has at least one token");
  const drawing = { temperature: options.temperature ?? 1, seed: options.seed ?? randomSeed() };
  const next = measures === "all" ? drawOurselves(drawing) : letDraw(drawing);
  let step = 0;
  try {
    await sequence.adaptStateToTokens(prompt.slice(0, -1) as never[], false);
    let waiting = prompt.slice(sequence.nextTokenIndex);
    while (step < maxTokens) {
      signal?.throwIfAborted();
      const last = waiting.length - 1;
      const input = waiting.map((token, at) => (at === last ? [token, next.wanted(step)] : token));
      const outcomes = await sequence.controlledEvaluate(input as never[]);
      const measured = next.take(outcomes[last]!.next, step);
      feed?.channel.push(feed.request, measured.sample);
      step++;
      yield measured;
      if (sequence.model.isEogToken(measured.token as never)) break;
      waiting = [measured.token];
    }
  } finally {
    feed?.channel.finish(feed.request, step);
  }
}

/** Suffixes of a sequence, for `powerSample` and `bestOfN`. One at a time. */
export function suffixGenerator(sequence: MeasurableSequence): SuffixGenerator {
  return {
    async generate(prefix, options) {
      const tokens: SuffixToken[] = [];
      for await (const token of generateMeasured(sequence, prefix, options)) tokens.push(token);
      return { tokens, ended: sequence.model.isEogToken(tokens.at(-1)?.token as never) };
    },
  };
}

interface Drawing {
  readonly temperature: number;
  readonly seed: number;
}

interface Measuring {
  /** What to ask of the runtime. */
  wanted(step: number): object;
  take(next: NextToken, step: number): MeasuredToken;
}

function drawOurselves({ temperature, seed }: Drawing): Measuring {
  const random = new Random(seed);
  const options = { generateNext: { logits: true } };
  return {
    wanted: () => options,
    take({ logits = new Map() }, step) {
      const tokens = Int32Array.from(logits.keys());
      const values = Float32Array.from(logits.values());
      const measures = measureLogits(values, temperature);
      const at = drawToken(values, temperature, measures.temperedNorm, random.next());
      const sample = { step, ...measures };
      return { token: tokens[at], logit: values[at], ...measures, sample };
    },
  };
}

function letDraw({ temperature, seed }: Drawing): Measuring {
  const logits = { filter: { tokens: [], includeTop: 1, includeSelected: true } };
  return {
    wanted: (step) => ({
      generateNext: {
        token: true,
        totalLogitWeight: true,
        logits,
        // llama.cpp begins a draw from its seed each time.
        options: { temperature, topK: 0, topP: 1, minP: 0, seed: new Random(seed, step).seed() },
      },
    }),
    take({ token, logits = new Map(), totalLogitWeight = NaN }, step) {
      const highest = Math.max(...logits.values());
      const norm = highest + Math.log(totalLogitWeight);
      const sample = { step, norm };
      return { token: token!, logit: logits.get(token!) ?? NaN, norm, sample };
    },
  };
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
