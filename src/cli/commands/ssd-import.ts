import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { type ImportReport, importDirectory } from "../../tiers/ssd/maintenance/import.ts";
import { formatBytes, formatCount, parseBytes } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { readable } from "../ssd/input.ts";
import type { OutputFlags } from "../output.ts";
import { withProgress } from "../ssd/progress.ts";
import type { VerbContext } from "../verb.ts";

export interface ImportFlags extends OutputFlags {
  readonly size?: string;
  readonly segmentSize?: string;
  readonly replace?: boolean;
}

const READ_BYTES = 1024 ** 2;

export async function ssdImport(
  context: VerbContext,
  { size, segmentSize, replace = false }: ImportFlags,
  directory: string,
  file: string,
): Promise<ExitCode> {
  const { io, out } = context;
  const capacityBytes = size === undefined ? undefined : parseBytes(size);
  const segmentBytes = segmentSize === undefined ? undefined : parseBytes(segmentSize);
  const path = resolve(io.cwd, file);
  if (file !== "-") await readable(path);
  const archive = file === "-" ? io.stdin : createReadStream(path, { highWaterMark: READ_BYTES });
  const report = await withProgress(context, "blocks", (onProgress) =>
    importDirectory(resolve(io.cwd, directory), archive, {
      signal: io.signal,
      onProgress,
      capacityBytes,
      segmentBytes,
      replace,
    }),
  );
  out.result(report, () => out.facts(facts(report)));
  if (!report.complete)
    out.warn("the archive is cut off or damaged: what came before that point is stored");
  const isPart = report.damaged + report.rejected + report.evicted > 0;
  return isPart || !report.complete ? ExitCode.degraded : ExitCode.ok;
}

function facts(report: ImportReport): [string, string | undefined][] {
  return [
    ["directory", report.directory],
    ["stored", `${formatCount(report.blocks)} blocks, ${formatBytes(report.bytes)}`],
    ["there already", some(report.present)],
    ["expired", some(report.expired)],
    ["damaged", some(report.damaged)],
    ["turned down", some(report.rejected)],
    ["evicted", some(report.evicted)],
  ];
}

function some(count: number): string | undefined {
  return count === 0 ? undefined : formatCount(count);
}
