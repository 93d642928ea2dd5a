import { Command, CommanderError } from "commander";
import { ExitCode, exitCodeOf } from "./exit-code.ts";
import { reportFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { Output } from "./output.ts";
import type { Bind } from "./verb.ts";
import { verbs } from "./verbs.ts";
import { version } from "../util/version.ts";

/** Runs the command line `args` (without node and script) and returns its exit code. */
export async function runCli(args: readonly string[], io: CliIo): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.ok;
  const bind: Bind =
    (run) =>
    async (...received) => {
      const command = received.at(-1) as Command;
      const options = command.opts<never>();
      const context = { io, out: new Output(io, options) };
      exitCode = await run(context, options, ...(received.slice(0, -2) as never));
    };
  try {
    const program = await defineProgram(args, io, bind);
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    if (io.signal.aborted) {
      io.stderr.write("interrupted\n");
      return ExitCode.interrupted;
    }
    reportFailure(error, io, args.includes("--json"));
    return exitCodeOf(error);
  }
}

async function defineProgram(args: readonly string[], io: CliIo, bind: Bind): Promise<Command> {
  const program = inherited(new Command("keepwarm"), io)
    .description("Keeps LLM KV-cache blocks warm.")
    .usage("<verb> [target] [flags]")
    .version(version)
    .helpCommand("help [verb]", "help for a verb")
    .addHelpText("after", "\nExample:\n  $ keepwarm serve --ram-size 4GiB\n\nMore: docs/cli.md");
  const [first, second] = args;
  const wanted = first === "help" ? second : first;
  for (const verb of verbs) {
    const { name, summary } = verb;
    const command = inherited(program.command(name), io).summary(summary).description(summary);
    if (name === wanted) (await verb.load()).define(command, bind);
  }
  return program;
}

/** Settings that commander does not hand down to commands added by `program.command`. */
function inherited(command: Command, io: CliIo): Command {
  return command
    .exitOverride()
    .showHelpAfterError("Run with --help for the flags and an example.")
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    });
}
