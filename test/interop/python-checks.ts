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

interface Request {
  readonly request: string;
}

export interface RunChecksOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Does what the script asks for with a line `{"request": …}`; the script gets an empty line then. */
  readonly onRequest?: (request: string) => Promise<void>;
}

/**
 * Runs a Python script that prints one JSON object a line per check, and adds a failed check when
 * it does not end well.
 */
export async function* runChecks(
  variant: string,
  interpreter: string,
  args: readonly string[],
  { env, onRequest }: RunChecksOptions = {},
): AsyncIterable<Check> {
  const child = spawn(interpreter, args, {
    ...(env && { env }),
    stdio: [onRequest ? "pipe" : "ignore", "pipe", "pipe"],
    timeout: deadlineMs,
    killSignal: "SIGKILL",
  });
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  let log = "";
  const keep = (text: string) => (log = (log + text).slice(-4000));
  child.stderr!.on("data", (chunk: Buffer) => keep(chunk.toString()));
  child.stdin?.on("error", () => {
    // It has ended; how is seen below.
  });
  for await (const text of createInterface({ input: child.stdout! })) {
    if (!text.startsWith("{")) {
      keep(`${text}\n`); // libraries may log there
      continue;
    }
    const line = JSON.parse(text) as Line | Request;
    if ("request" in line) {
      await onRequest?.(line.request);
      child.stdin?.write("\n");
      continue;
    }
    const { name, passed, ms, reason } = line;
    yield { variant, name, passed, elapsedMs: ms, ...(reason !== undefined && { reason }) };
  }
  const [code, signal] = await closed;
  if (code === 0) return;
  const reason = `${signal ?? `exit code ${code}`}\n${log.trim()}`;
  yield { variant, name: "script ends", passed: false, elapsedMs: 0, reason };
}
