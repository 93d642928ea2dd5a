/** Lets those who ask go on one after the other, each in a turn of the event loop of its own. */
export class Turns {
  readonly #waiting: (() => void)[] = [];

  /** Resolves when it is the caller's turn: others have been served since the last one's. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(() => this.#serve());
    });
  }

  #serve(): void {
    this.#waiting[0]();
    this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(() => this.#serve());
  }
}
