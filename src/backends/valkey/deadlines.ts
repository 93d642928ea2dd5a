/** A timer that comes this late had to wait for the program: so had the answers. */
const blockedMs = 50;
/** What answers that came meanwhile are given to be read. */
const graceMs = 60;

/** One timer for many deadlines: it wakes for the earliest, and is asked nothing when it waits. */
export class Deadlines {
  readonly #expire: (now: number) => number;
  #timer: NodeJS.Timeout | undefined;
  #due = Infinity;
  /** Whether answers have had their time after the event loop was blocked. */
  #waited = false;

  /**
   * @param expire Ends what is due at `now` (milliseconds of `performance.now()`) and returns
   *   when the next is due; Infinity when nothing waits.
   */
  constructor(expire: (now: number) => number) {
    this.#expire = expire;
  }

  /** Something is due at `due`. */
  add(due: number): void {
    if (due < this.#due) this.#arm(due);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }

  #arm(due: number): void {
    clearTimeout(this.#timer);
    this.#due = due;
    if (due === Infinity) return;
    const wait = Math.min(Math.max(due - performance.now(), 1), 2 ** 31 - 1);
    this.#timer = setTimeout(() => this.#wake(), Math.ceil(wait));
  }

  #wake(): void {
    const now = performance.now();
    const blocked = now - this.#due > blockedMs && !this.#waited;
    this.#waited = blocked;
    this.#due = Infinity;
    this.#arm(blocked ? now + graceMs : this.#expire(now));
  }
}
