import type { Command } from "commander";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { KeepwarmError } from "../../errors.ts";
import type { JobKind } from "../../fronts/resp/jobs/job.ts";
import { formatBytes } from "../../util/units.ts";
import { replyText } from "../../wire/resp/reply.ts";
import { ExitCode } from "../exit-code.ts";
import { type ClientFlags, clientOptions, example } from "../options.ts";
import { plural } from "../render/plural.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";
import { type BatchLimits, batches, inBatches, sizeOf } from "./batches.ts";
import { withServer } from "./connect.ts";
import { type JobFlags, runJob } from "./jobs.ts";
import { type Chosen, select, selectorOptions } from "./select.ts";
import { knowsCommand, takeSnapshot } from "./snapshot.ts";

type ResidencyFlags = ClientFlags & JobFlags;

/** A verb that changes where blocks are kept. */
export interface ResidencyVerb {
  readonly name: string;
  /** The server's command. */
  readonly command: string;
  readonly past: string;
  /** Whether there is something to do for a block, from what KW.WHERE says of it. */
  readonly isWanted: (words: readonly string[]) => boolean;
  readonly limits: BatchLimits;
  /** Whether all blocks must find room in RAM. */
  readonly fillsRam?: boolean;
  readonly examples: readonly string[];
  /** The server's job of that kind, for those that have one. */
  readonly job?: JobKind;
}

/** Keys that one KW.WHERE names. */
const KEYS_A_LOOK = 500;

/** The definition of such a verb. */
export function residencyVerb(verb: ResidencyVerb): DefineVerb {
  return (command, bind) => {
    clientOptions(
      backgroundOption(
        selectorOptions(command).option("--dry-run", "tell how many and how much, change nothing"),
        verb,
      ),
    ).action(
      bind((context, flags: ResidencyFlags, names: string[]) => run(context, verb, flags, names)),
    );
    example(command, ...verb.examples);
  };
}

function backgroundOption(command: Command, { job }: ResidencyVerb): Command {
  return job === undefined
    ? command
    : command.option("--background", "let the server do it and print the job's number");
}

async function run(
  context: VerbContext,
  verb: ResidencyVerb,
  flags: ResidencyFlags,
  names: readonly string[],
): Promise<ExitCode> {
  const { io, out } = context;
  return withServer(flags, io, async (connection) => {
    if (flags.background && verb.job !== undefined)
      return runJob(context, connection, verb.job, names, flags);
    if (!(await knowsCommand(connection, ["KW.WHERE", "-"])))
      throw new KeepwarmError(
        "UNSUPPORTED",
        `${connection.label} has no tiers to ${verb.name} in`,
        {
          remedy: "Use a Keepwarm server of this version.",
        },
      );
    const { blocks, missing } = await select(connection, verb.name, names, flags, io);
    const wanted = await filter(connection, blocks, verb, io.signal);
    const bytes = sizeOf(wanted);
    const what = `${plural(wanted.length, "block")}, ${formatBytes(bytes)}`;
    const asIs = blocks.length - wanted.length;
    const rest = [
      asIs > 0 ? `; ${plural(asIs, "block")} left as is` : "",
      missing > 0 ? `; ${missing} not there` : "",
    ].join("");
    if (flags.dryRun) {
      out.result({ dryRun: true, blocks: wanted.length, bytes, asIs, missing }, () => "");
      out.note(`would ${verb.name} ${what}${rest}`);
      return ExitCode.ok;
    }
    if (verb.fillsRam === true) {
      const ram = (await takeSnapshot(connection)).tiers[0].capacityBytes;
      if (bytes > ram) out.warn(`RAM holds ${formatBytes(ram)}: the first of ${what} leave again`);
    }
    const quiet = out.quiet;
    const done = await inBatches(connection, { io, quiet }, verb.command, wanted, verb.limits);
    const failed = wanted.length - done;
    out.result({ dryRun: false, blocks: done, bytes, asIs, missing, failed }, () => "");
    if (failed > 0) out.warn(`${plural(failed, "block")} of ${what} could not be ${verb.past}`);
    else out.note(`${verb.past} ${what}${rest}`);
    if (failed + missing === 0) return ExitCode.ok;
    return done + asIs > 0 ? ExitCode.degraded : ExitCode.failed;
  });
}

async function filter(
  connection: RespConnection,
  blocks: readonly Chosen[],
  { isWanted }: ResidencyVerb,
  signal: AbortSignal,
): Promise<Chosen[]> {
  const wanted: Chosen[] = [];
  for (const batch of batches(blocks, { keys: KEYS_A_LOOK })) {
    const keys = batch.map(({ key }) => key);
    const found = await connection.command(["KW.WHERE", ...keys], { signal });
    if (!Array.isArray(found) || found.length !== batch.length)
      throw new KeepwarmError("PROTOCOL", "the server answered KW.WHERE in an unknown form", {
        remedy: "Use a command line and a server of the same version.",
      });
    for (const [index, words] of found.entries()) {
      const texts = Array.isArray(words) ? words.map((word) => replyText(word) ?? "") : [];
      if (isWanted(texts)) wanted.push(batch[index]);
    }
  }
  return wanted;
}
