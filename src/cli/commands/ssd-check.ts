import { resolve } from "node:path";
import { type CheckReport, checkDirectory } from "../../tiers/ssd/maintenance/check.ts";
import { ExitCode } from "../exit-code.ts";
import type { OutputFlags } from "../output.ts";
import { reportText } from "../ssd/findings.ts";
import { withProgress } from "../ssd/progress.ts";
import type { VerbContext } from "../verb.ts";

export async function ssdCheck(
  context: VerbContext,
  _flags: OutputFlags,
  directory: string,
): Promise<ExitCode> {
  const { io, out } = context;
  const report = await withProgress(context, "segments", (onProgress) =>
    checkDirectory(resolve(io.cwd, directory), { signal: io.signal, onProgress }),
  );
  out.result(report, () => reportText(out, report));
  if (report.state !== "whole") out.note(`\`keepwarm ssd repair ${directory}\` makes it whole`);
  return stateCode(report);
}

/** What a directory's state is to the caller of the process. */
function stateCode({ state }: CheckReport): ExitCode {
  if (state === "damaged") return ExitCode.failed;
  return state === "whole" ? ExitCode.ok : ExitCode.degraded;
}
