import { resolve } from "node:path";
import { compactDirectory } from "../../tiers/ssd/maintenance/compact.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import type { OutputFlags } from "../output.ts";
import { plural } from "../render/plural.ts";
import { withProgress } from "../ssd/progress.ts";
import type { VerbContext } from "../verb.ts";

export async function ssdCompact(
  context: VerbContext,
  _flags: OutputFlags,
  directory: string,
): Promise<ExitCode> {
  const { io, out } = context;
  const report = await withProgress(context, "blocks", (onProgress) =>
    compactDirectory(resolve(io.cwd, directory), { signal: io.signal, onProgress }),
  );
  const { segmentsBefore, segmentsAfter } = report;
  out.result(report, () =>
    out.facts([
      ["directory", report.directory],
      ["blocks", `${formatCount(report.blocks)}, ${formatBytes(report.bytes)}`],
      ["moved", `${formatCount(report.movedBlocks)}, ${formatBytes(report.movedBytes)}`],
      ["segments", `${formatCount(segmentsBefore)} before, ${formatCount(segmentsAfter)} now`],
      ["freed", formatBytes(report.freedBytes)],
    ]),
  );
  if (report.movedBlocks === 0 && report.freedBytes === 0)
    out.note("no segment would come free: nothing was moved");
  if (report.damagedBlocks === 0) return ExitCode.ok;
  out.warn(`${plural(report.damagedBlocks, "block")} were damaged and are gone`);
  return ExitCode.degraded;
}
