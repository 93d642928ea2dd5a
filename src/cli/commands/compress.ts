import { codecNames } from "../../codecs/codec.ts";
import { KeepwarmError } from "../../errors.ts";
import type { ExitCode } from "../exit-code.ts";
import { type ClientFlags, clientOptions, example } from "../options.ts";
import { parseCount } from "../parse.ts";
import { withServer } from "../server/connect.ts";
import { type JobFlags, runJob } from "../server/jobs.ts";
import { selectorOptions } from "../server/select.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface CompressFlags extends ClientFlags, JobFlags {
  readonly codec?: string;
  readonly bins?: string;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    selectorOptions(command)
      .option("--codec <name>", `${codecNames.slice(1).join(", ")} (default: the server's rules)`)
      .option("--bins <n>", "cachegen: bins of every layer, an even number from 4 to 64")
      .option("--dry-run", "tell how many and how much, change nothing")
      .option("--background", "print the job's number instead of waiting for it"),
  ).action(bind(run));
  example(
    command,
    "keepwarm compress --model org/model --idle 10m --dry-run",
    "keepwarm compress --match 'archive@*' --codec zstd-planes --background",
  );
};

async function run(
  context: VerbContext,
  flags: CompressFlags,
  names: readonly string[],
): Promise<ExitCode> {
  const { codec, bins } = flags;
  if (codec !== undefined && !(codecNames as readonly string[]).includes(codec))
    throw new KeepwarmError("INPUT_INVALID", `--codec ${codec} is none`, {
      remedy: `Write one of ${codecNames.slice(1).join(", ")}.`,
    });
  if (bins !== undefined) {
    const count = parseCount(bins, "--bins", 4);
    if (codec !== "cachegen" || count > 64 || count % 2 !== 0)
      throw new KeepwarmError("INPUT_INVALID", "--bins is an even number for --codec cachegen", {
        remedy: "Write one from 4 to 64, such as 64.",
      });
  }
  const words = [
    ...(codec === undefined ? [] : ["CODEC", codec]),
    ...(bins === undefined ? [] : ["BINS", bins]),
  ];
  return withServer(flags, context.io, (connection) =>
    runJob(context, connection, "compress", names, flags, words),
  );
}
