import { spawn } from "node:child_process";
import { once } from "node:events";

import { findBinary, type BinaryName } from "../../src/testing/servers/binaries.ts";

export interface Finished {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Standard output as text, without the last line end. */
  readonly text: string;
}

/** Runs a command-line client to its end, `input` on its standard input. */
export async function runTool(
  name: BinaryName,
  args: readonly string[],
  input: Buffer | string = "",
): Promise<Finished> {
  const { path, env } = await findBinary(name);
  const child = spawn(path, args, { env, stdio: "pipe" });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.on("error", () => {}); // it may end without reading
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number];
  const stdout = Buffer.concat(out);
  return {
    code,
    stdout,
    stderr: Buffer.concat(err).toString(),
    text: stdout.toString().replace(/\n$/, ""),
  };
}
