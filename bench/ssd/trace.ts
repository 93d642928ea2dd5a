import { execFile } from "node:child_process";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { markdownTable } from "../support/markdown.ts";

/** As much as is used here of what `keepwarm trace replay --json` prints. */
interface ReplayReport {
  readonly blockHitRate: number;
  readonly maxBlockHitRate: number;
  readonly elapsedMs: number;
  readonly corrupt: number;
  readonly lost: number;
  readonly ssd: {
    readonly reads: number;
    readonly kept: number;
    readonly writeAmplification: number;
  };
}

export interface TraceResults {
  readonly trace: string;
  readonly ramBlocks: number;
  readonly ssdBlocks: number;
  readonly report: ReplayReport;
}

const main = join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");
const ramBlocks = 5000;
const ssdBlocks = 50_000;

/** Replays a trace into a server with a small RAM and a disk ten times as large. */
export async function measureTrace(file: string): Promise<TraceResults> {
  const words = ["trace", "replay", file, "--spawn", "--json", "--block-size", "4KiB"];
  const sizes = ["--capacity-blocks", `${ramBlocks}`, "--ssd-capacity-blocks", `${ssdBlocks}`];
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...words, ...sizes], {
    maxBuffer: 2 ** 24,
  });
  const report = JSON.parse(stdout) as ReplayReport;
  return { trace: basename(file), ramBlocks, ssdBlocks, report };
}

export function renderTrace({ trace, ramBlocks, ssdBlocks, report }: TraceResults): string {
  const { ssd } = report;
  return [
    "## A trace",
    `${trace} into RAM for ${ramBlocks} blocks and a disk for ${ssdBlocks}, by \`keepwarm trace replay --spawn\`.`,
    markdownTable(
      [
        "block hit rate",
        "at best",
        "bytes written per byte stored",
        "read from disk",
        "wrong",
        "lost",
      ],
      [
        [
          report.blockHitRate.toFixed(4),
          report.maxBlockHitRate.toFixed(4),
          ssd.writeAmplification.toFixed(2),
          String(ssd.reads),
          String(report.corrupt),
          String(report.lost),
        ],
      ],
    ),
  ].join("\n\n");
}
