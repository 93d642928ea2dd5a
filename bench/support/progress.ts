import { formatDuration } from "../../src/util/units.ts";

/** One line on stderr that is rewritten in place on a terminal; finished lines stay. */
export class Progress {
  readonly #began = performance.now();
  readonly #total: number;
  #done = 0;

  /** @param total the number of steps until the end */
  constructor(total: number) {
    this.#total = total;
  }

  /** Counts a step and shows `text` with the time left, on a terminal only. */
  step(text: string): void {
    this.#done++;
    if (!process.stderr.isTTY) return;
    process.stderr.write(`\r\x1b[K${text} (${this.#left()} left)`);
  }

  /** Leaves `text` as a line of its own. */
  line(text: string): void {
    const left = this.#done < this.#total ? `  [${this.#left()} left]` : "";
    process.stderr.write(`${process.stderr.isTTY ? "\r\x1b[K" : ""}${text}${left}\n`);
  }

  #left(): string {
    const each = (performance.now() - this.#began) / Math.max(1, this.#done);
    const seconds = Math.ceil((each * Math.max(0, this.#total - this.#done)) / 1000);
    return formatDuration(seconds * 1000);
  }
}
