import { fork, type ChildProcess } from "node:child_process";
import type { Cell } from "./cells.ts";
import type { TrialResult } from "./trial.ts";

interface Answer {
  readonly result?: TrialResult;
  readonly error?: string;
}

/** A client in a process of its own. */
export class WorkerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  #answered: (answer: Answer) => void = () => {};

  private constructor(name: string, url: string) {
    this.name = name;
    this.#child = fork(new URL("./worker.ts", import.meta.url), [name, url], {
      execArgv: ["--import", "tsx"],
    });
    this.#child.on("message", (answer) => this.#answered(answer as Answer));
    this.#child.on("exit", () => this.#answered({ error: "its process ended" }));
  }

  static async start(name: string, url: string): Promise<WorkerProcess> {
    const worker = new WorkerProcess(name, url);
    const { error } = await worker.#answer();
    if (error !== undefined) throw new Error(`${name} does not start: ${error}`);
    return worker;
  }

  /** @throws Error when the client failed or its process ended */
  async trial(cell: Cell, seconds: number): Promise<TrialResult> {
    const answer = this.#answer();
    this.#child.send({ cell, seconds });
    const { result, error } = await answer;
    if (result === undefined) throw new Error(`${this.name}, ${cell.name}: ${error}`);
    return result;
  }

  stop(): void {
    this.#child.disconnect();
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve) => (this.#answered = resolve));
  }
}
