import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { KeepwarmError } from "../../src/errors.ts";

export type Operation = "SET" | "GET" | "PING" | "EXISTS" | "MIXED" | "FILL";

/** One trial of the C load program. Sizes in bytes, times in seconds. */
export interface LoadOptions {
  readonly port: number;
  readonly host?: string;
  readonly op: Operation;
  /** What to speak. Default RESP; lm:// knows SET, GET, EXISTS and FILL. */
  readonly protocol?: "resp" | "lm";
  /** Bytes of a value. Default 1024. */
  readonly size?: number;
  /** How many keys to draw from (FILL: to write, each once). Default 1024. */
  readonly keys?: number;
  /** Blocking connections, each with its thread. Default 1. */
  readonly connections?: number;
  /** Commands sent before the first reply is read. Default 1. */
  readonly pipeline?: number;
  /** Default 1. */
  readonly seconds?: number;
  /** Runs before `seconds`, not measured. Default 0. */
  readonly warmup?: number;
  /** Ends the trial after so many operations. Default 0: never. */
  readonly count?: number;
  readonly auth?: string | undefined;
  /** Whose CPU seconds are measured as well. */
  readonly serverPid?: number;
}

/** What one trial found; times of single operations are of whole batches when pipelined. */
export interface LoadResult {
  readonly op: Operation;
  readonly ops: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly opsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly errors: number;
  /** Values that were not what was stored. */
  readonly mismatches: number;
  /** Keys that should have been there. */
  readonly missing: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly p999us: number;
  readonly clientCpuSeconds: number;
  readonly serverCpuSeconds: number;
  /** The first error's text, or empty. */
  readonly error: string;
}

/** The C load program as a long-lived child that runs one trial after the other. */
export class LoadProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(path: string) {
    this.#child = spawn(path, ["--stdin"], { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Runs one trial. Errors of the server are in the result, not thrown. */
  async run(options: LoadOptions): Promise<LoadResult> {
    this.#child.stdin!.write(`${optionWords(options).join(" ")}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true)
      throw new KeepwarmError("CLOSED", "The load program ended; its reason is above");
    return JSON.parse(answer.value) as LoadResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null)
      await new Promise((resolve) => this.#child.once("exit", resolve));
  }
}

function optionWords(options: LoadOptions): string[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [
      `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      String(value),
    ]);
}
