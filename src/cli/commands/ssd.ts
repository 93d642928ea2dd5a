import type { Command } from "commander";
import { example, outputOptions } from "../options.ts";
import type { OutputFlags } from "../output.ts";
import type { DefineVerb } from "../verb.ts";
import type { ImportFlags } from "./ssd-import.ts";
import type { RepairFlags } from "./ssd-repair.ts";

export const define: DefineVerb = (command, bind) => {
  const check = child(command, "check", "read all of a data directory and prove every value");
  outputOptions(check).action(
    bind(async (context, flags: OutputFlags, directory: string) =>
      (await import("./ssd-check.ts")).ssdCheck(context, flags, directory),
    ),
  );
  example(check, "keepwarm ssd check /mnt/nvme/kv");

  const repair = child(command, "repair", "write what is missing, forget what is damaged").option(
    "--dry-run",
    "tell what would be done, change nothing",
  );
  outputOptions(repair).action(
    bind(async (context, flags: RepairFlags, directory: string) =>
      (await import("./ssd-repair.ts")).ssdRepair(context, flags, directory),
    ),
  );
  example(repair, "keepwarm ssd repair /mnt/nvme/kv --dry-run");

  const compact = child(command, "compact", "write live blocks together, free the rest");
  outputOptions(compact).action(
    bind(async (context, flags: OutputFlags, directory: string) =>
      (await import("./ssd-compact.ts")).ssdCompact(context, flags, directory),
    ),
  );
  example(compact, "keepwarm ssd compact /mnt/nvme/kv");

  const exporting = child(command, "export", "write all blocks to an archive").argument(
    "[file]",
    "archive to write; - is stdout",
    "-",
  );
  outputOptions(exporting).action(
    bind(async (context, flags: OutputFlags, directory: string, file: string) =>
      (await import("./ssd-export.ts")).ssdExport(context, flags, directory, file),
    ),
  );
  example(
    exporting,
    "keepwarm ssd export /mnt/nvme/kv blocks.kwb",
    "keepwarm ssd export /mnt/nvme/kv - | keepwarm ssd import /mnt/big/kv --size 2TiB",
  );

  const importing = child(command, "import", "store the blocks of an archive")
    .argument("[file]", "archive to read; - is stdin", "-")
    .option("--size <size>", "most bytes of the directory (default: as it is; new: half the disk)")
    .option("--segment-size <size>", "size of a segment file of a new directory")
    .option("--replace", "replace blocks that are there (default: they stay)");
  outputOptions(importing).action(
    bind(async (context, flags: ImportFlags, directory: string, file: string) =>
      (await import("./ssd-import.ts")).ssdImport(context, flags, directory, file),
    ),
  );
  example(importing, "keepwarm ssd import /mnt/nvme/kv blocks.kwb --size 500GiB");

  example(command, "keepwarm ssd check /mnt/nvme/kv");
};

function child(command: Command, name: string, summary: string): Command {
  return command
    .command(name)
    .copyInheritedSettings(command)
    .summary(summary)
    .description(`${summary}; no server may have the directory`)
    .argument("<dir>", "data directory: ssd.dir of the server");
}
