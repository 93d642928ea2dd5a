import { type Command, Option } from "commander";
import { type FlagValues, serveFlags } from "../config/flags.ts";

/** Adds the flags of `serve` that set something. */
export function serveOptions(command: Command, { hidden = false } = {}): Command {
  for (const flag of serveFlags) {
    const option = new Option(flag.flag, flag.help).hideHelp(hidden || flag.hidden === true);
    if (flag.repeatable) option.argParser(collect);
    command.addOption(option);
  }
  return command;
}

/** Only what was typed: what commander itself fills in is no flag. */
export function typedFlags(command: Command, options: FlagValues): FlagValues {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => command.getOptionValueSource(name) === "cli"),
  );
}

/** A flag that may be given several times. */
function collect(value: string, before: unknown): string[] {
  return Array.isArray(before) ? [...(before as string[]), value] : [value];
}
