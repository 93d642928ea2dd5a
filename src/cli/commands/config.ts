import type { Command } from "commander";
import type { FlagValues } from "../../config/flags.ts";
import { ExitCode } from "../exit-code.ts";
import { example, outputOptions } from "../options.ts";
import type { OutputFlags } from "../output.ts";
import { serveOptions, typedFlags } from "../serve-options.ts";
import type { Bind, DefineVerb, VerbContext } from "../verb.ts";

interface ShowFlags extends OutputFlags {
  readonly origin?: boolean;
}

/** Written under the flags of `check` and `show`. */
const alsoServeFlags = "\nFlags of `keepwarm serve` are taken as well, as that would take them.";

export const define: DefineVerb = (command, bind) => {
  defineCheck(child(command, "check", "find what is wrong with a configuration"), bind);
  defineShow(child(command, "show", "the configuration in effect"), bind);
  defineSchema(child(command, "schema", "JSON Schema of keepwarm.yaml, for editors"), bind);
  example(command, "keepwarm config show --origin");
};

function child(command: Command, name: string, summary: string): Command {
  return command.command(name).copyInheritedSettings(command).summary(summary).description(summary);
}

function defineCheck(command: Command, bind: Bind): void {
  outputOptions(
    serveOptions(
      command
        .argument("[file]", "file to check (default: the one that serve would read)")
        .option("--lmcache-config <file>", "LMCache's file to check as well"),
      { hidden: true },
    ),
  ).action(
    bind((context: VerbContext, flags: FlagValues, file?: string) =>
      check(context, { ...typedFlags(command, flags), config: file }),
    ),
  );
  command.addHelpText("after", alsoServeFlags);
  example(command, "keepwarm config check keepwarm.yaml");
}

async function check({ io, out }: VerbContext, flags: FlagValues): Promise<ExitCode> {
  const { checkConfig } = await import("../../config/load.ts");
  const { formatProblem } = await import("../../config/problem.ts");
  const checked = checkConfig({ flags, env: io.env, cwd: io.cwd });
  const problems = checked.problems.map(({ origin, path, message, remedy }) => ({
    ...origin,
    path,
    message,
    remedy,
  }));
  const files = [checked.file, checked.lmcacheFile].filter((name) => name !== undefined);
  const name = files.join(", ") || "defaults and environment";
  if (out.json)
    out.object({
      ok: problems.length === 0,
      file: checked.file,
      problems,
      warnings: checked.warnings,
      notes: checked.notes,
    });
  for (const warning of checked.warnings) out.warn(warning);
  for (const note of checked.notes) out.note(note);
  for (const problem of checked.problems) io.stderr.write(`${formatProblem(problem)}\n`);
  if (problems.length > 0) return ExitCode.config;
  out.note(`${name}: ok`);
  return ExitCode.ok;
}

function defineShow(command: Command, bind: Bind): void {
  outputOptions(
    serveOptions(
      command
        .option("--config <file>", "file to read (default: KEEPWARM_CONFIG, else ./keepwarm.yaml)")
        .option("--lmcache-config <file>", "LMCache's file to read as well")
        .option("--origin", "tell where each value comes from"),
      { hidden: true },
    ),
  ).action(
    bind((context: VerbContext, flags: ShowFlags & FlagValues) =>
      show(context, flags, typedFlags(command, flags)),
    ),
  );
  command.addHelpText("after", alsoServeFlags);
  example(
    command,
    "keepwarm config show --origin",
    "keepwarm config show --lmcache-config lmcache.yaml --resp-port 7000",
  );
}

async function show(
  { io, out }: VerbContext,
  { origin: withOrigin }: ShowFlags,
  flags: FlagValues,
): Promise<ExitCode> {
  const { leaves } = await import("../../config/layers.ts");
  const { loadConfig } = await import("../../config/load.ts");
  const { defaultOrigin, formatOrigin } = await import("../../config/origin.ts");
  const { redact } = await import("../../config/redact.ts");
  const loaded = loadConfig({ flags, env: io.env, cwd: io.cwd });
  for (const warning of loaded.warnings) out.warn(warning);
  for (const note of loaded.notes) out.note(note);
  const config = redact(loaded.config);
  const rows = [...leaves(config)].map(([path, value]) => {
    const origin = loaded.origins.get(path.join(".")) ?? defaultOrigin;
    return [path.join("."), readable(value), formatOrigin(origin)] as const;
  });
  if (out.json)
    out.object(
      withOrigin
        ? { config, origins: Object.fromEntries(rows.map(([path, , origin]) => [path, origin])) }
        : config,
    );
  else if (withOrigin)
    out.text(out.table([{ title: "SETTING" }, { title: "VALUE" }, { title: "FROM" }], rows));
  else {
    const { stringify } = await import("yaml");
    out.text(stringify(config));
  }
  return ExitCode.ok;
}

function readable(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function defineSchema(command: Command, bind: Bind): void {
  outputOptions(command).action(bind(schema));
  example(command, "keepwarm config schema > keepwarm.schema.json");
}

async function schema({ out }: VerbContext): Promise<ExitCode> {
  const { configJsonSchema } = await import("../../config/schema.ts");
  const value = configJsonSchema();
  out.result(value, () => JSON.stringify(value, undefined, 2));
  return ExitCode.ok;
}
