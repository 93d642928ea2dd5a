import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { formatBytes, parseDuration } from "../../util/units.ts";
import { readKey } from "../render/key.ts";
import { withServer } from "../server/connect.ts";
import { KeepwarmError } from "../../errors.ts";
import { ExitCode } from "../exit-code.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import type { CliIo } from "../io.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface PutFlags extends ClientFlags {
  readonly ttl?: string;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .argument("<key>", "the block's key")
      .argument("[file]", "file to store; - is stdin", "-")
      .option("--ttl <duration>", "forget the block after this long (default: never)"),
  ).action(bind(run));
  example(command, "keepwarm put greeting hello.txt --ttl 1h", "date | keepwarm put now");
};

async function run(
  { io, out }: VerbContext,
  flags: PutFlags,
  name: string,
  file: string,
): Promise<ExitCode> {
  const ttl = flags.ttl === undefined ? {} : { ttlMs: parseDuration(flags.ttl) };
  const parts = file === "-" ? await readAll(io) : [await readFrom(file, io)];
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  return withServer(flags, io, async (connection) => {
    await connection.set(readKey(name), parts, { ...ttl, signal: io.signal });
    out.result({ key: name, bytes, ...ttl }, () => "");
    out.note(`${name}: ${formatBytes(bytes)} stored`);
    return ExitCode.ok;
  });
}

async function readFrom(file: string, io: CliIo): Promise<Uint8Array> {
  try {
    return await readFile(resolve(io.cwd, file));
  } catch (error) {
    throw new KeepwarmError("INPUT_INVALID", `${file}: ${(error as Error).message}`, {
      cause: error,
      remedy: "Name a readable file, or - for stdin.",
    });
  }
}

async function readAll(io: CliIo): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of io.stdin) parts.push(part);
  return parts;
}
