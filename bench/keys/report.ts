import type { MachineFacts } from "../support/machine.ts";
import { markdownTable } from "../support/markdown.ts";

export interface RowResult {
  readonly name: string;
  readonly tokensPerSecond: number;
  readonly lmcacheTokensPerSecond?: number;
  /** Ours over LMCache's, the median of the rounds. */
  readonly ratio?: number;
}

export interface KeysResults {
  readonly machine: MachineFacts;
  readonly node: string;
  readonly lmcacheVersion: string;
  readonly settings: {
    readonly tokens: number;
    readonly chunkSize: number;
    readonly rounds: number;
    readonly trialSeconds: number;
  };
  readonly rows: readonly RowResult[];
}

export function renderKeysMarkdown(results: KeysResults): string {
  const { machine, node, lmcacheVersion, settings, rows } = results;
  const table = markdownTable(
    ["", "keepwarm", "LMCache", "ratio"],
    rows.map(({ name, tokensPerSecond, lmcacheTokensPerSecond, ratio }) => [
      name,
      millions(tokensPerSecond),
      millions(lmcacheTokensPerSecond),
      ratio === undefined ? "-" : `${ratio.toFixed(1)}x`,
    ]),
  );
  return `# Chunk hashes

- ${machine.date.slice(0, 10)}, Keepwarm ${machine.keepwarm} on Node ${node}, LMCache ${lmcacheVersion} with vLLM's hash functions
- ${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}
- one prompt of ${settings.tokens} random tokens in chunks of ${settings.chunkSize}, CPU time of the process; ${settings.rounds} interleaved rounds of ${settings.trialSeconds} s, medians
- both sides' last hash is compared in every round

Millions of tokens per CPU second:

${table}
`;
}

export function renderKeysJson(results: KeysResults): string {
  return `${JSON.stringify(results, undefined, 2)}\n`;
}

function millions(rate: number | undefined): string {
  return rate === undefined ? "-" : (rate / 1e6).toFixed(1);
}
