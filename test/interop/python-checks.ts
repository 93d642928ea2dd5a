import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import type { Check } from "./peer.ts";

const deadlineMs = 300_000;

interface Line {
  readonly name: string;
  readonly passed: boolean;
  readonly ms: number;
  readonly reason?: string;
}

/**
 * Runs a Python script that prints one JSON object a line per check, and adds a failed check when
 * it does not end well.
 */
export async function* runChecks(
  variant: string,
  interpreter: string,
  args: readonly string[],
  { env }: { readonly env?: NodeJS.ProcessEnv } = {},
): AsyncIterable<Check> {
  const child = spawn(interpreter, args, {
    ...(env && { env }),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: deadlineMs,
  });
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
  for await (const text of createInterface({ input: child.stdout })) {
    const { name, passed, ms, reason } = JSON.parse(text) as Line;
    yield { variant, name, passed, elapsedMs: ms, ...(reason !== undefined && { reason }) };
  }
  const [code, signal] = await closed;
  if (code === 0) return;
  const reason = `${signal ?? `exit code ${code}`}\n${log.trim()}`;
  yield { variant, name: "script ends", passed: false, elapsedMs: 0, reason };
}
