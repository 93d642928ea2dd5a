/** Bytes that come in pieces of any length, taken in pieces of wanted ones. */
export class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, fewer at the end. */
  async take(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length && (await this.#refill())) done += this.#copy(bytes, done);
    return bytes.subarray(0, done);
  }

  /** Passes over `length` bytes. Returns whether there were so many. */
  async skip(length: number): Promise<boolean> {
    let left = length;
    while (left > 0 && (await this.#refill())) {
      const step = Math.min(left, this.#piece.length - this.#at);
      this.#at += step;
      left -= step;
    }
    return left === 0;
  }

  /** Lets the source go, read to its end or not. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  #copy(to: Buffer, from: number): number {
    const part = this.#piece.subarray(this.#at, this.#at + to.length - from);
    to.set(part, from);
    this.#at += part.length;
    return part.length;
  }

  async #refill(): Promise<boolean> {
    while (this.#at === this.#piece.length) {
      const next = await this.#pieces.next();
      if (next.done === true) return false;
      this.#piece = next.value;
      this.#at = 0;
    }
    return true;
  }
}
