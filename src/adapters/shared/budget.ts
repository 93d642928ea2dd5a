/** Bytes of states that wait to be stored, and how many there may be. */
export class Budget {
  readonly #most: number;
  pendingBytes = 0;
  /** States for which there was no room. */
  refused = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes room for a state if there is any. Give it back with {@link give}. */
  take(bytes: number): boolean {
    const fits = this.pendingBytes + bytes <= this.#most;
    if (fits) this.pendingBytes += bytes;
    else this.refused++;
    return fits;
  }

  give(bytes: number): void {
    this.pendingBytes -= bytes;
  }
}
