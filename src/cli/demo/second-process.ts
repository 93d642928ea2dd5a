import { fork } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { KeepwarmError } from "../../errors.ts";
import type { Answer } from "./asker.ts";
import type { StorePlace } from "./store.ts";

/** What the second process is to do. */
export interface Job {
  readonly runtime: string;
  readonly modelPath: string;
  readonly contextSize: number;
  readonly threads: number | undefined;
  readonly salt: string;
  readonly ttlMs: number | undefined;
  readonly place: StorePlace;
  readonly document: string;
  readonly question: string;
  /** Where the document ends in the prompt's tokens. */
  readonly shared: number;
  /** A stored block to flip a bit of, when the other questions are answered. */
  readonly damage: Uint8Array | undefined;
}

/** What the second process found. */
export interface JobResult {
  readonly pid: number;
  readonly restored: Answer;
  /** The very same prompt again. */
  readonly again: Answer;
  /** The same prompt without a store. */
  readonly cold: Answer;
  /** With a bit of a stored block flipped; nothing when that was not asked for. */
  readonly damaged: Answer | undefined;
}

/** What the second process says at its end. */
export type JobMessage = { readonly result: JobResult } | { readonly error: string };

/**
 * Starts a process that has computed nothing yet and has it do the job.
 *
 * @throws KeepwarmError `CLOSED` when it fails
 */
export async function inSecondProcess(job: Job, signal: AbortSignal): Promise<JobResult> {
  const file = fileURLToPath(new URL(`worker${extname(import.meta.url)}`, import.meta.url));
  const child = fork(file, {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const end = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", end, { once: true });
  try {
    return await new Promise<JobResult>((resolve, reject) => {
      child.once("error", reject);
      child.once("message", (message: JobMessage) => {
        if ("result" in message) resolve(message.result);
        else reject(failed(message.error));
      });
      child.once("exit", (code, killedBy) =>
        reject(failed(`it ended with ${killedBy ?? `exit code ${code}`}`)),
      );
      child.send(job);
    });
  } finally {
    signal.removeEventListener("abort", end);
    if (child.connected) child.disconnect();
  }
}

function failed(what: string): KeepwarmError {
  return new KeepwarmError("CLOSED", `the second process failed: ${what}`, {
    remedy: "Run it again with --tokens 300; a machine short of memory may need a smaller model.",
  });
}
