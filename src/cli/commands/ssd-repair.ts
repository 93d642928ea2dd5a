import { resolve } from "node:path";
import { repairDirectory } from "../../tiers/ssd/maintenance/repair.ts";
import { ExitCode } from "../exit-code.ts";
import type { OutputFlags } from "../output.ts";
import { plural } from "../render/plural.ts";
import { reportText } from "../ssd/findings.ts";
import { withProgress } from "../ssd/progress.ts";
import type { VerbContext } from "../verb.ts";

export interface RepairFlags extends OutputFlags {
  readonly dryRun?: boolean;
}

export async function ssdRepair(
  context: VerbContext,
  { dryRun = false }: RepairFlags,
  directory: string,
): Promise<ExitCode> {
  const { io, out } = context;
  const report = await withProgress(context, "segments", (onProgress) =>
    repairDirectory(resolve(io.cwd, directory), { dryRun, signal: io.signal, onProgress }),
  );
  out.result(report, () => reportText(out, report));
  const { headersWritten, footersWritten, recordsDropped, superblockWritten } = report;
  if (superblockWritten)
    out.note(`${dryRun ? "would write" : "wrote"} keepwarm-ssd.json as the segments have it`);
  if (footersWritten === 0) out.note("nothing to repair in the segments");
  else
    out.note(
      `${dryRun ? "would write" : "wrote"} ${plural(headersWritten, "header")} and ${plural(footersWritten, "footer")}, ${dryRun ? "would forget" : "forgot"} ${plural(recordsDropped, "damaged value")}`,
    );
  return report.state === "damaged" ? ExitCode.degraded : ExitCode.ok;
}
