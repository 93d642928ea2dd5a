import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { KeepwarmError } from "../../errors.ts";
import type { Binary } from "./binaries.ts";

/** How a process ended: a code, or the signal that ended it. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcessOptions {
  readonly args?: readonly string[];
  /** Added to the binary's environment, such as `MALLOC_CONF`; `undefined` removes a name. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Called with each line of standard output. */
  readonly onLine?: (line: string) => void;
}

const logTailLength = 8192;
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A child process that is a server: it is waited for, its log is kept, and it is stopped by id. */
export class ServerProcess implements AsyncDisposable {
  readonly name: string;
  /** Resolves when the process has ended, however that came; never rejects. */
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  #log = "";
  #exit: ProcessExit | undefined;

  constructor(
    name: string,
    binary: Binary,
    { args = [], env, cwd, onLine }: ServerProcessOptions = {},
  ) {
    this.name = name;
    const child = spawn(binary.path, args, {
      cwd,
      env: { ...binary.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    running.add(child);
    child.stdout.on("data", (chunk: Buffer) => this.#keep(chunk));
    child.stderr.on("data", (chunk: Buffer) => this.#keep(chunk));
    if (onLine) createInterface({ input: child.stdout }).on("line", onLine);
    this.exited = new Promise((resolve) => {
      const end = (exit: ProcessExit) => {
        running.delete(child);
        this.#exit = exit;
        resolve(exit);
      };
      child.once("error", (error) => {
        this.#log += String(error);
        if (child.pid === undefined) end({ code: null, signal: null });
      });
      child.once("close", (code, signal) => end({ code, signal }));
    });
  }

  /** Process id; 0 when the program could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The last 8 KiB of what it wrote to standard output and error. */
  get log(): string {
    return this.#log;
  }

  /** How it ended, or `undefined` while it runs. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /**
   * Asks `probe` again and again, a few milliseconds apart, until it answers something other than
   * `undefined`. A probe that never answers by itself must give up in about a second.
   *
   * @throws KeepwarmError `CONNECTION_FAILED` when the process ends first, `TIMEOUT` after
   * `deadlineMs` (default 20 s); both with the end of its log.
   */
  async until<T>(probe: () => Promise<T | undefined>, deadlineMs = 20_000): Promise<T> {
    const deadline = performance.now() + deadlineMs;
    while (this.#exit === undefined) {
      const answer = await Promise.race([probe(), this.exited.then(() => undefined)]);
      if (answer !== undefined) return answer;
      if (performance.now() > deadline)
        throw new KeepwarmError(
          "TIMEOUT",
          `${this.name} is not ready after ${deadlineMs} ms${this.#logTail()}`,
        );
      await sleep(10);
    }
    const { code, signal } = this.#exit;
    throw new KeepwarmError(
      "CONNECTION_FAILED",
      `${this.name} ended while starting (${signal ?? `exit code ${code}`})${this.#logTail()}`,
    );
  }

  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Stops it: SIGTERM, and SIGKILL when it has not ended after `graceMs` (default 10 s). */
  async stop({ graceMs = 10_000 } = {}): Promise<ProcessExit> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #logTail(): string {
    return this.#log === "" ? "" : `; the end of its log:\n${this.#log.trimEnd()}`;
  }

  #keep(chunk: Buffer): void {
    this.#log = (this.#log + chunk.toString("latin1")).slice(-logTailLength);
  }
}
