import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { formatBytes } from "../../util/units.ts";
import { readKey } from "../render/key.ts";
import { withServer } from "../server/connect.ts";
import { ExitCode } from "../exit-code.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface GetFlags extends ClientFlags {
  readonly output?: string;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .argument("<key>", "the block's key, as `ls --keys` shows it")
      .option("-o, --output <file>", "write there instead of stdout"),
  ).action(bind(run));
  example(command, "keepwarm get 'm@1@0@44ea817d9387da2c@bfloat16' -o block.bin");
};

async function run({ io, out }: VerbContext, flags: GetFlags, name: string): Promise<ExitCode> {
  return withServer(flags, io, async (connection) => {
    const value = await connection.command(["GET", readKey(name)], { signal: io.signal });
    if (!Buffer.isBuffer(value))
      throw new KeepwarmError("NOT_FOUND", `there is no block ${name} at ${connection.label}`, {
        remedy: "List what is there with `keepwarm ls --keys`.",
      });
    const bytes = value.length;
    if (flags.output !== undefined) {
      await writeFile(resolve(io.cwd, flags.output), value);
      out.result({ key: name, bytes, output: flags.output }, () => "");
      out.note(`${formatBytes(bytes)} to ${flags.output}`);
    } else if (out.json) out.object({ key: name, bytes, base64: value.toString("base64") });
    else if (out.isTerminal && !isText(value))
      throw new KeepwarmError("INPUT_INVALID", `${name} holds ${formatBytes(bytes)} of no text`, {
        remedy: "Write it to a file with -o FILE, or into a pipe.",
      });
    else out.bytes(value);
    return ExitCode.ok;
  });
}

function isText(value: Buffer): boolean {
  return value.length <= 64 * 1024 && !/[^\P{Cc}\t\r\n]|\uFFFD/u.test(value.toString("utf8"));
}
