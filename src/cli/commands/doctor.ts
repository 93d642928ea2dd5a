import { ExitCode } from "../exit-code.ts";
import { example, outputOptions } from "../options.ts";
import type { OutputFlags } from "../output.ts";
import type { Finding } from "../doctor/finding.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface DoctorFlags extends OutputFlags {
  readonly config?: string;
  readonly lmcacheConfig?: string;
  readonly timeout: string;
}

export const define: DefineVerb = (command, bind) => {
  outputOptions(
    command
      .argument("[url...]", "stores to examine (default: those of the configuration's `remote`)")
      .option("--config <file>", "file to read (default: KEEPWARM_CONFIG, else ./keepwarm.yaml)")
      .option("--lmcache-config <file>", "LMCache's file to read as well")
      .option("--timeout <duration>", "most time for one call", "3s"),
  ).action(bind(run));
  example(
    command,
    "keepwarm doctor redis-sentinel://10.0.0.7,10.0.0.8,10.0.0.9/redismaster",
    "keepwarm doctor --config keepwarm.yaml --json | jq '.findings[] | select(.level != \"ok\")'",
  );
};

async function run(
  { io, out }: VerbContext,
  { config: file, lmcacheConfig, timeout }: DoctorFlags,
  urls: readonly string[],
): Promise<ExitCode> {
  const { checkConfig, parseConfig } = await import("../../config/load.ts");
  const { parseDuration } = await import("../../util/units.ts");
  const { examineLocal } = await import("../doctor/local.ts");
  const { examineStore } = await import("../doctor/store.ts");
  const { reportOf, reportText, summary } = await import("../doctor/report.ts");
  const checked = checkConfig({ flags: { config: file, lmcacheConfig }, env: io.env, cwd: io.cwd });
  const config = checked.config ?? parseConfig();
  const examination = {
    deadlineMs: parseDuration(timeout),
    signal: io.signal,
    valueBytes: config.limits.valueBytes,
  };
  const findings: Finding[] = [...(await examineLocal(checked, config)).all];
  const password = io.env["KEEPWARM_PASSWORD"] || undefined;
  for (const url of urls.length > 0 ? urls : config.remote)
    for (const found of await examineStore(url, password, examination)) findings.push(...found.all);
  const report = reportOf(findings);
  out.result(report, () => reportText(out, findings));
  out.note(summary(report));
  return report.ok ? ExitCode.ok : ExitCode.failed;
}
