import type { CheckedConfig } from "../../config/load.ts";
import { formatOrigin } from "../../config/origin.ts";
import type { Config } from "../../config/schema.ts";
import { checkDataDirectory } from "./data-directory.ts";
import { Findings } from "./finding.ts";
import { checkMachine, readMachine } from "./machine.ts";

/** This machine and its configuration; `config` is what is taken for it while it cannot be used. */
export async function examineLocal(checked: CheckedConfig, config: Config): Promise<Findings> {
  const found = new Findings("this machine");
  for (const { path, message, origin, remedy } of checked.problems)
    found.problem(
      "configuration",
      `${path} ${message} (${formatOrigin(origin)})`,
      remedy ?? "See `keepwarm config schema`.",
    );
  if (checked.problems.length === 0) found.ok("configuration", checked.file ?? "no file is read");
  checkMachine(await readMachine(), config, found);
  await checkDataDirectory(config, found);
  return found;
}
