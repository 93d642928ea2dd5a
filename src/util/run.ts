import { execFile } from "node:child_process";

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Milliseconds after which the command is killed. Default five minutes. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  /** `null` when the command was killed or could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. A failure is a code, not an exception. Output is limited to 64 MiB. */
export function run(
  command: string,
  args: readonly string[],
  { env, cwd, timeoutMs = 300_000 }: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { env: env ?? process.env, cwd, timeout: timeoutMs, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
        const reason = code === null && stderr === "" ? String(error?.message) : stderr;
        resolve({ code, stdout, stderr: reason });
      },
    );
    child.stdin?.end();
  });
}
