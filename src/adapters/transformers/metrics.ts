import type { MetricsChannel } from "../../metrics-channel/channel/metrics-channel.ts";
import { measureLogits } from "../../metrics-channel/maths/measure.ts";

/** What of a transformers.js `Tensor` is used: rows of logits, one a sequence of the batch. */
export interface LogitsTensor {
  readonly data: ArrayLike<number>;
  readonly dims: readonly number[];
}

export interface MetricsProcessorOptions {
  readonly channel: Pick<MetricsChannel, "push" | "finish">;
  /** The requests of the batch's rows, in their order. */
  readonly requests: readonly string[];
  /** T of the tempered norm: the temperature that `generate` samples at. Default 1. */
  readonly temperature?: number | undefined;
  /**
   * Whether `generate` has divided the logits by that temperature before it calls this processor. It
   * does, from version 3 on, with `do_sample: true`. Default false.
   */
  readonly divided?: boolean | undefined;
  /** The class of transformers.js, for those who ask whether this is an instance of it. */
  readonly LogitsProcessor?: { readonly prototype: object } | undefined;
}

/** A logits processor that measures and changes nothing. */
export interface MetricsProcessor {
  <T extends LogitsTensor>(inputIds: readonly ArrayLike<unknown>[], logits: T): T;
  /** Rows that were measured for each request so far. */
  readonly steps: number;
  /**
   * Tells the channel how many samples each request has: to be called when `generate` is done.
   *
   * @param counts Tokens of each answer; default all that were measured. A row of a batch that has
   *   ended is filled up, and measured, until the longest has.
   */
  finish(counts?: readonly number[]): void;
}

/**
 * A logits processor for one call of `generate` of transformers.js: measures the logits of each row and
 * pushes them to the channel, and hands them on unchanged. `generate` puts processors of the caller
 * behind its own: the logits are the model's, as long as no penalty, `min_new_tokens` or bad words are
 * asked for.
 *
 * @example
 * ```ts
 * const measure = metricsProcessor({ channel, requests: [request], LogitsProcessor });
 * const list = new LogitsProcessorList();
 * list.push(measure);
 * await model.generate({ ...inputs, max_new_tokens: 64, logits_processor: list });
 * measure.finish();
 * ```
 */
export function metricsProcessor(options: MetricsProcessorOptions): MetricsProcessor {
  const { channel, requests, temperature = 1, divided = false, LogitsProcessor } = options;
  let promptLength: number | undefined;
  let steps = 0;
  const process = <T extends LogitsTensor>(
    inputIds: readonly ArrayLike<unknown>[],
    logits: T,
  ): T => {
    const width = logits.dims.at(-1) ?? 0;
    const rows = logits.data.length / width;
    if (rows !== requests.length)
      throw new TypeError(`a batch has ${rows} rows, and ${requests.length} requests are named`);
    promptLength ??= inputIds[0].length;
    const step = inputIds[0].length - promptLength;
    for (const [row, request] of requests.entries()) {
      const raw = rowOf(logits.data, row * width, width, divided ? temperature : 1);
      channel.push(request, { step, ...measureLogits(raw, temperature) });
    }
    steps = step + 1;
    return logits;
  };
  if (LogitsProcessor !== undefined) Object.setPrototypeOf(process, LogitsProcessor.prototype);
  return Object.defineProperties(process, {
    _call: { value: process },
    steps: { get: () => steps },
    finish: {
      value: (counts?: readonly number[]) => {
        for (const [row, request] of requests.entries())
          channel.finish(request, counts?.[row] ?? steps);
      },
    },
  }) as unknown as MetricsProcessor;
}

function rowOf(
  data: ArrayLike<number>,
  from: number,
  width: number,
  factor: number,
): ArrayLike<number> {
  if (factor === 1 && data instanceof Float32Array) return data.subarray(from, from + width);
  return Float64Array.from({ length: width }, (_, at) => data[from + at] * factor);
}
