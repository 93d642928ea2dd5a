import { clientOptions, example } from "../options.ts";
import { type RemovalFlags, removeBlocks } from "../server/removal.ts";
import type { DefineVerb } from "../verb.ts";

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .argument("[keys...]", "keys to remove")
      .option("-m, --match <glob>", "remove all keys like this: * ? [a-z]")
      .option("--dry-run", "tell what would go, remove nothing")
      .option("-y, --yes", "do not ask"),
  ).action(
    bind((context, flags: RemovalFlags, names: string[]) =>
      removeBlocks(context, "rm", names, flags),
    ),
  );
  example(command, "keepwarm rm --match 'old-model@*' --dry-run", "keepwarm rm KEY1 KEY2");
};
