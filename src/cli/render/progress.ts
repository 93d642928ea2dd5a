import type { CliIo } from "../io.ts";

/** One line on stderr that is written over on a terminal, and repeated now and then elsewhere. */
export class Progress {
  readonly #io: CliIo;
  readonly #everyMs: number;
  readonly #silent: boolean;
  #last = performance.now();
  #shown = false;

  constructor(io: CliIo, quiet: boolean) {
    this.#io = io;
    this.#silent = quiet;
    this.#everyMs = io.stderr.isTTY ? 200 : 10_000;
  }

  /** Shows what `text` makes when it is time to; `text` is not called otherwise. */
  update(text: () => string): void {
    const now = performance.now();
    if (this.#silent || now - this.#last < this.#everyMs) return;
    this.#last = now;
    this.#shown = true;
    const { stderr } = this.#io;
    stderr.write(stderr.isTTY ? `\r\u001B[2K${text()}` : `${text()}\n`);
  }

  /** Wipes the line off a terminal. */
  done(): void {
    if (this.#shown && this.#io.stderr.isTTY) this.#io.stderr.write("\r\u001B[2K");
    this.#shown = false;
  }
}
