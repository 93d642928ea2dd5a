import { resolve } from "node:path";
import { formatCount, formatDuration, formatRatio } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import type { OutputFlags } from "../output.ts";
import { readTrace } from "../trace/read.ts";
import { TraceCounter } from "../trace/summary.ts";
import type { VerbContext } from "../verb.ts";

/** `keepwarm trace info FILE` */
export async function traceInfo(
  { io, out }: VerbContext,
  _: OutputFlags,
  file: string,
): Promise<ExitCode> {
  const counter = new TraceCounter();
  for await (const request of readTrace(resolve(io.cwd, file), { name: file })) {
    io.signal.throwIfAborted();
    counter.add(request);
  }
  const summary = counter.summary();
  const perRequest = (count: number) => formatCount(count / Math.max(1, summary.requests));
  out.result({ file, ...summary }, () =>
    out.facts([
      ["trace", file],
      ["requests", formatCount(summary.requests)],
      ["span", formatDuration(summary.span)],
      ["blocks", `${formatCount(summary.blocks)}, ${perRequest(summary.blocks)} a request`],
      ["unique blocks", formatCount(summary.uniqueBlocks)],
      ["block", summary.blockTokens === 0 ? "unknown" : `${summary.blockTokens} tokens`],
      [
        "input",
        `${formatCount(summary.inputTokens)} tokens, ${perRequest(summary.inputTokens)} a request`,
      ],
      ["longest input", `${formatCount(summary.longestInput)} tokens`],
      [
        "output",
        `${formatCount(summary.outputTokens)} tokens, ${perRequest(summary.outputTokens)} a request`,
      ],
      ["hit rate at best", formatRatio(summary.maxHitRate, 1)],
    ]),
  );
  return ExitCode.ok;
}
