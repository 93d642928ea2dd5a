import { formatBytes } from "../../util/units.ts";
import { confirm } from "../confirm.ts";
import { ExitCode } from "../exit-code.ts";
import { plural } from "../render/plural.ts";
import type { VerbContext } from "../verb.ts";
import { inBatches, sizeOf } from "./batches.ts";
import { withServer } from "./connect.ts";
import type { ClientFlags } from "../options.ts";
import { type JobFlags, runJob } from "./jobs.ts";
import { select } from "./select.ts";

export interface RemovalFlags extends ClientFlags, JobFlags {
  readonly yes?: boolean;
}

/** Keys that one DEL names. */
const KEYS_A_COMMAND = 500;

/** Removes the blocks that names or flags choose; asks before when flags do. */
export async function removeBlocks(
  context: VerbContext,
  verb: string,
  names: readonly string[],
  flags: RemovalFlags,
): Promise<ExitCode> {
  const { io, out } = context;
  return withServer(flags, io, async (connection) => {
    const { blocks, missing } = await select(connection, verb, names, flags, io);
    const bytes = sizeOf(blocks);
    const what = `${plural(blocks.length, "block")}, ${formatBytes(bytes)}`;
    if (flags.dryRun) {
      out.result({ dryRun: true, blocks: blocks.length, bytes, missing }, () => "");
      out.note(`would remove ${what}`);
      return ExitCode.ok;
    }
    if (names.length === 0 && blocks.length > 0 && !flags.yes) await confirm(io, `Remove ${what}?`);
    if (flags.background) return runJob(context, connection, "clear", names, flags);
    const limits = { keys: KEYS_A_COMMAND };
    const removed = await inBatches(connection, { io, quiet: out.quiet }, "DEL", blocks, limits);
    out.result({ dryRun: false, blocks: removed, bytes, missing }, () => "");
    out.note(`removed ${what}${missing > 0 ? `; ${missing} not there` : ""}`);
    if (missing === 0) return ExitCode.ok;
    return removed > 0 ? ExitCode.degraded : ExitCode.failed;
  });
}
