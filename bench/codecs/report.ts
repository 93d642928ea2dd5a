import type { MachineFacts } from "../support/machine.ts";
import { markdownTable } from "../support/markdown.ts";
import type { NumberError, SpeechError } from "./quality.ts";

export interface RowResult {
  readonly name: string;
  readonly dtype: string;
  readonly ratio: number;
  readonly encodeRate: number;
  readonly decodeRate: number;
  readonly error: NumberError;
  /** Absent where nothing was lost. */
  readonly speech?: SpeechError;
}

export interface CodecsResults {
  readonly machine: MachineFacts;
  readonly node: string;
  readonly model: string;
  readonly settings: {
    readonly text: string;
    readonly tokens: number;
    readonly chunkTokens: number;
    readonly blockBytes: number;
    readonly shape: readonly number[];
    readonly continuation: number;
    readonly rounds: number;
  };
  readonly rows: readonly RowResult[];
}

export function renderCodecsMarkdown(results: CodecsResults): string {
  const { machine, node, model, settings, rows } = results;
  const table = markdownTable(
    [
      "",
      "ratio",
      "encode MB/CPU s",
      "decode MB/CPU s",
      "largest error",
      "RMSE",
      "cosine",
      "KL, nats",
      "same token",
      "perplexity",
    ],
    rows.map(({ name, dtype, ratio, encodeRate, decodeRate, error, speech }) => [
      `${dtype}: ${name}`,
      ratio.toFixed(2),
      (encodeRate / 1e6).toFixed(0),
      (decodeRate / 1e6).toFixed(0),
      error.maxAbsolute.toPrecision(2),
      `${(100 * error.relativeRmse).toFixed(1)} %`,
      error.cosine.toFixed(5),
      speech === undefined ? "-" : speech.divergence.toFixed(4),
      speech === undefined ? "-" : `${(100 * speech.sameToken).toFixed(0)} %`,
      speech === undefined ? "-" : `${speech.perplexity.toFixed(3)}x`,
    ]),
  );
  return `# Codecs

- ${machine.date.slice(0, 10)}, Keepwarm ${machine.keepwarm} on Node ${node}
- ${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}
- keys and values of ${model} after ${settings.tokens} tokens of ${settings.text}, as llama.cpp made them (float16), and the same rounded to bfloat16
- blocks of ${settings.chunkTokens} tokens, KV_2LTD ${settings.shape.join("x")}, ${(settings.blockBytes / 1e6).toFixed(1)} MB; the best of ${settings.rounds} rounds, MB of the original for each CPU second of all threads
- RMSE is a share of the numbers' own root mean square; KL, same token and perplexity compare what the model says at each of the next ${settings.continuation} tokens of the text with what it says from untouched keys and values

${table}
`;
}

export function renderCodecsJson(results: CodecsResults): string {
  return `${JSON.stringify(results, undefined, 2)}\n`;
}
