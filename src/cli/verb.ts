import type { Command } from "commander";
import type { CliIo } from "./io.ts";
import type { Output } from "./output.ts";
import type { ExitCode } from "./exit-code.ts";

/** What a verb is given when it runs. */
export interface VerbContext {
  readonly io: CliIo;
  readonly out: Output;
}

/** The work of a verb. Its module may be imported when the work starts. */
type VerbAction<Options, Args extends readonly unknown[]> = (
  context: VerbContext,
  options: Options,
  ...args: Args
) => Promise<ExitCode>;

/** Makes an action of a verb, with output made from its flags and its exit code kept. */
export type Bind = <Options extends object, Args extends readonly unknown[]>(
  run: VerbAction<Options, Args>,
) => (...args: unknown[]) => Promise<void>;

/** What each file of commands/ exports as `define`. */
export type DefineVerb = (command: Command, bind: Bind) => void;
