import { clientOptions, example } from "../options.ts";
import { type RemovalFlags, removeBlocks } from "../server/removal.ts";
import { selectorOptions } from "../server/select.ts";
import type { DefineVerb } from "../verb.ts";

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    selectorOptions(command)
      .option("--dry-run", "tell what would go, remove nothing")
      .option("-y, --yes", "do not ask")
      .option("--background", "let the server do it and print the job's number"),
  ).action(
    bind((context, flags: RemovalFlags, names: string[]) =>
      removeBlocks(context, "clear", names, flags),
    ),
  );
  example(
    command,
    "keepwarm clear --model org/old-model --dry-run",
    "keepwarm clear --idle 7d --yes",
  );
};
