import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { once } from "node:events";

/*
 * A shell between this process and the program. It reads from a pipe whose other end only this process
 * has: when that is closed, in whatever way this process ends, SIGKILL included, it ends the program
 * and removes the folder. It prints the program's id, and what the program said when it has ended.
 */
const script = `
folder=$1; shift
exec 3<&0
"$@" </dev/null >"$folder/output" 2>&1 3<&- &
program=$!
echo "$program"
(
  read -r _ <&3
  kill -TERM "$program"
  tries=0
  while kill -0 "$program" && [ "$tries" -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "$program"
) >/dev/null 2>&1 &
watcher=$!
wait "$program"
code=$?
kill "$watcher" 2>/dev/null
tail -c 4096 "$folder/output"
rm -rf -- "$folder"
exit "$code"
`;

/** A program that ends when this process ends, however that comes, and a folder that goes with it. */
export class TiedProcess {
  /** Resolves when the program has ended and the folder is removed; never rejects. */
  readonly ended: Promise<void>;
  readonly #shell: ChildProcess;
  #pid: number | undefined;
  #output = "";
  #running = true;

  /** @param folder Belongs to the program from now on; it holds its output. */
  constructor(program: string, args: readonly string[], folder: string) {
    this.#shell = spawn("/bin/sh", ["-c", script, "keepwarm", folder, program, ...args], {
      // A session of its own, so that Ctrl-C reaches only this process, which may go on.
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#shell.stdin?.on("error", () => {});
    createInterface({ input: this.#shell.stdout! }).on("line", (line) => this.#read(line));
    this.ended = Promise.race([once(this.#shell, "close"), once(this.#shell, "error")]).then(
      () => void (this.#running = false),
      () => void (this.#running = false),
    );
  }

  /** The program's process id, once it has been started. */
  get pid(): number | undefined {
    return this.#pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** The end of what the program wrote, once it has ended. */
  get output(): string {
    return this.#output;
  }

  /** From now on it does not keep this process running. */
  unref(): void {
    this.#shell.unref();
    for (const stream of [this.#shell.stdin, this.#shell.stdout])
      (stream as Socket | null)?.unref();
  }

  /** Ends the program: asks, and kills it when it has not ended after two seconds. */
  async stop(): Promise<void> {
    this.#shell.ref();
    (this.#shell.stdout as Socket | null)?.ref();
    this.#shell.stdin?.end();
    await this.ended;
  }

  #read(line: string): void {
    if (this.#pid === undefined) this.#pid = Number(line);
    else this.#output += `${line}\n`;
  }
}
