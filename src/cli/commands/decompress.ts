import type { ExitCode } from "../exit-code.ts";
import { type ClientFlags, clientOptions, example } from "../options.ts";
import { withServer } from "../server/connect.ts";
import { type JobFlags, runJob } from "../server/jobs.ts";
import { selectorOptions } from "../server/select.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    selectorOptions(command)
      .option("--dry-run", "tell how many and how much, change nothing")
      .option("--background", "print the job's number instead of waiting for it"),
  ).action(bind(run));
  example(command, "keepwarm decompress --model org/model --dry-run", "keepwarm decompress KEY");
};

async function run(
  context: VerbContext,
  flags: ClientFlags & JobFlags,
  names: readonly string[],
): Promise<ExitCode> {
  return withServer(flags, context.io, (connection) =>
    runJob(context, connection, "decompress", names, flags),
  );
}
