import { fork, spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Cell } from "./cells.ts";
import type { TrialResult, TrialTask } from "./trial.ts";

interface Answer {
  readonly result?: TrialResult;
  readonly error?: string;
}

/** Longer than any trial takes. */
const answerMs = 120_000;

interface Started {
  readonly child: ChildProcess;
  readonly hear: (listener: (answer: Answer) => void) => void;
}

/** How a client is started whose calls are to be measured. */
export interface WorkerMaker {
  readonly name: string;
  /** Whether values lie there as others store them, so that one client may store for all. */
  readonly plain: boolean;
  start(url: string): Started;
}

/** A client of `clients/`, in a Node process. */
export function nodeWorker(name: string, plain: boolean): WorkerMaker {
  return {
    name,
    plain,
    start: (url) => {
      const child = fork(new URL("./worker.ts", import.meta.url), [name, url], {
        execArgv: ["--import", "tsx"],
      });
      return { child, hear: (listener) => child.on("message", (m) => listener(m as Answer)) };
    },
  };
}

/** redis-py, in a Python process. */
export function pythonWorker(name: string, interpreter: string, mode: string): WorkerMaker {
  const script = fileURLToPath(new URL("python/worker.py", import.meta.url));
  return {
    name,
    plain: true,
    start: (url) => {
      const child = spawn(interpreter, ["-B", script, mode, url], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const lines = createInterface({ input: child.stdout });
      return {
        child,
        hear: (listener) => lines.on("line", (line) => listener(JSON.parse(line) as Answer)),
      };
    },
  };
}

/** A client in a process of its own. */
export class Worker {
  readonly name: string;
  readonly plain: boolean;
  readonly #child: ChildProcess;
  #answered: (answer: Answer) => void = () => {};

  private constructor(maker: WorkerMaker, url: string) {
    this.name = maker.name;
    this.plain = maker.plain;
    const { child, hear } = maker.start(url);
    this.#child = child;
    hear((answer) => this.#answered(answer));
    child.on("error", (error) => this.#answered({ error: String(error) }));
    child.on("exit", () => this.#answered({ error: "its process ended" }));
  }

  /** @throws Error when it cannot connect */
  static async start(maker: WorkerMaker, url: string): Promise<Worker> {
    const worker = new Worker(maker, url);
    const { error } = await worker.#answer();
    if (error !== undefined) throw new Error(`${maker.name} does not start: ${error}`);
    return worker;
  }

  /** Stores what GETs of a cell find. */
  async store(cell: Cell): Promise<void> {
    const { error } = await this.#ask({ cell, store: true });
    if (error !== undefined) throw new Error(`${this.name}, ${cell.name}: ${error}`);
  }

  /** @throws Error when the client failed or its process ended */
  async trial(task: TrialTask): Promise<TrialResult> {
    const { result, error } = await this.#ask(task);
    if (result === undefined) throw new Error(`${this.name}, ${task.cell.name}: ${error}`);
    return result;
  }

  stop(): void {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
  }

  #ask(task: object): Promise<Answer> {
    const answer = this.#answer();
    if (this.#child.connected) this.#child.send(task);
    else this.#child.stdin?.write(`${JSON.stringify(task)}\n`);
    return answer;
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle({ error: `no answer in ${answerMs} ms` }), answerMs);
      const settle = (answer: Answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.#answered = settle;
    });
  }
}
