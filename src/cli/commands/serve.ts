import { once } from "node:events";
import type { FlagValues } from "../../config/flags.ts";
import type { Config } from "../../config/schema.ts";
import type { RunningServer } from "../../config/server.ts";
import { formatBytes } from "../../util/units.ts";
import { version } from "../../util/version.ts";
import { ExitCode } from "../exit-code.ts";
import { example, outputOptions } from "../options.ts";
import { plural } from "../render/plural.ts";
import { serveOptions, typedFlags } from "../serve-options.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

export const define: DefineVerb = (command, bind) => {
  command.option(
    "--config <file>",
    "file to read (default: KEEPWARM_CONFIG, else ./keepwarm.yaml)",
  );
  command.option("--lmcache-config <file>", "LMCache's file to take memory, disk and policy from");
  serveOptions(command);
  outputOptions(command).action(
    bind((context: VerbContext, options: FlagValues) =>
      serve(context, typedFlags(command, options)),
    ),
  );
  example(
    command,
    "keepwarm serve --ram-size 8GiB",
    "keepwarm serve --config keepwarm.yaml --json",
  );
};

async function serve({ io, out }: VerbContext, flags: FlagValues): Promise<ExitCode> {
  const { loadConfig } = await import("../../config/load.ts");
  const { startServer } = await import("../../config/server.ts");
  const { createLogger } = await import("../log.ts");
  const { config, warnings, notes, ...read } = loadConfig({ flags, env: io.env, cwd: io.cwd });
  for (const warning of warnings) out.warn(warning);
  for (const note of notes) out.note(note);
  const logger = await createLogger(config.log, io);
  const stop = stopRequest(io.signal);
  const server = await startServer(config, { logger, onShutdown: () => stop.abort() });
  const files = [read.file, read.lmcacheFile].filter((name) => name !== undefined);
  announce({ io, out }, config, server, files);
  if (!stop.signal.aborted) await once(stop.signal, "abort");
  out.note("stopping: no more clients, finishing what is under way");
  await server.close();
  return ExitCode.ok;
}

/** Aborts on SIGTERM, SIGINT or a client's SHUTDOWN; a second signal ends the process at once. */
function stopRequest(interrupted: AbortSignal): AbortController {
  const stop = new AbortController();
  const signalled = (): void => {
    if (stop.signal.aborted) process.exit(ExitCode.interrupted);
    stop.abort();
  };
  process.on("SIGTERM", signalled);
  interrupted.addEventListener("abort", signalled);
  return stop;
}

function announce(
  { out }: VerbContext,
  config: Config,
  { listeners, ssd }: RunningServer,
  files: readonly string[],
): void {
  const { ram } = config;
  const most = ram.maxBlocks > 0 ? `, at most ${ram.maxBlocks} blocks` : "";
  out.result({ event: "ready", ...listeners, pid: process.pid, version }, () =>
    [
      `keepwarm ${version}`,
      `  resp    ${listeners.resp}`,
      ...(listeners.lm === undefined ? [] : [`  lm      ${listeners.lm}`]),
      `  ram     ${formatBytes(ram.size)}, ${ram.policy}${most}`,
      ...(ssd === undefined ? [] : [`  ssd     ${describeSsd(config, ssd)}`]),
      ...(config.coded.size === 0 ? [] : [`  coded   ${describeCoded(config)}`]),
      `  config  ${files.join(", ") || "defaults, environment and flags"}`,
      out.paint("green", "ready"),
    ].join("\n"),
  );
}

function describeCoded({ coded: { size, dir }, codecs }: Config): string {
  const idle = codecs.filter((rule) => rule.idle !== undefined).length;
  const room = `${formatBytes(size)}${dir === undefined ? "" : ` and ${dir}`}`;
  return `${room}, ${idle === 0 ? "by `keepwarm compress` only" : `idle blocks by ${plural(idle, "rule")}`}`;
}

function describeSsd({ ssd }: Config, tier: NonNullable<RunningServer["ssd"]>): string {
  const { capacityBytes, directory, isDirect, durability } = tier;
  const how = isDirect ? "O_DIRECT" : "page cache";
  return `${formatBytes(capacityBytes)} in ${directory}, write ${ssd.write}, durability ${durability}, ${how}`;
}
