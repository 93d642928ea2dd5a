import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { RunRecord } from "./record.ts";

interface Answer {
  readonly ready?: true;
  readonly record?: RunRecord;
  readonly error?: string;
}

/** Longer than a worker takes to connect, fill and end. */
const answerMs = 60_000;

/** A client that makes calls in a process of its own. */
export class WorkerProcess implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;

  private constructor(name: string, args: readonly string[]) {
    this.name = name;
    this.#child = fork(new URL("./worker.ts", import.meta.url), [name, ...args], {
      execArgv: ["--import", "tsx"],
    });
  }

  /** @throws Error when the client cannot store the first blocks */
  static async start(
    name: string,
    { number, url, deadlineMs }: { number: number; url: string; deadlineMs: number },
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess(name, [String(number), url, String(deadlineMs)]);
    await worker.#answer();
    return worker;
  }

  /** Begins the load. */
  begin(): void {
    this.#child.send("start");
  }

  /** Ends the load and the process. */
  async end(): Promise<RunRecord> {
    const answer = this.#answer();
    this.#child.send("end");
    const { record } = await answer;
    if (record === undefined) throw new Error(`${this.name} has told nothing`);
    return record;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => settle(() => reject(new Error(`${this.name}: ${why}`)));
      const heard = (message: unknown) => {
        const answer = message as Answer;
        if (answer.error === undefined) settle(() => resolve(answer));
        else fail(answer.error);
      };
      const gone = () => fail("its process ended");
      const timer = setTimeout(() => fail(`no answer within ${answerMs} ms`), answerMs);
      const settle = (how: () => void) => {
        clearTimeout(timer);
        this.#child.off("message", heard);
        this.#child.off("exit", gone);
        how();
      };
      this.#child.on("message", heard);
      this.#child.on("exit", gone);
    });
  }
}
