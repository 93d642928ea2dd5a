/**
 * One command with its arguments, valid only during the call it is passed to.
 *
 * Arguments are byte ranges of one buffer, so that nothing is copied or made into a string before
 * somebody wants it. An argument that was too big to pass through that buffer has no range but a
 * body: a number that the receiver gave it (see {@link RequestReceiver.body}).
 */
export class Request {
  bytes: Buffer = Buffer.alloc(0);
  /** Where in `bytes` the command begins; `starts` and `ends` count from here. */
  base = 0;
  argc = 0;
  starts: Int32Array = new Int32Array(8);
  ends: Int32Array = new Int32Array(8);
  /** Pairs of argument index and body number, in order. */
  readonly bodies: number[] = [];

  /** Where argument `index` begins in `bytes`. */
  start(index: number): number {
    return this.base + this.starts[index];
  }

  /** Where argument `index` ends in `bytes`. */
  end(index: number): number {
    return this.base + this.ends[index];
  }

  length(index: number): number {
    return this.ends[index] - this.starts[index];
  }

  /** The argument's bytes: a view, to be copied by whoever keeps it. */
  view(index: number): Buffer {
    return this.bytes.subarray(this.start(index), this.end(index));
  }

  /** The argument as a string of one character a byte. */
  latin1(index: number): string {
    return this.bytes.toString("latin1", this.start(index), this.end(index));
  }

  /** The argument as text. */
  text(index: number): string {
    return this.bytes.toString("utf8", this.start(index), this.end(index));
  }

  /** Whether the argument is this word, in any case. `word` is in upper case. */
  is(index: number, word: string): boolean {
    if (index >= this.argc || this.length(index) !== word.length) return false;
    const start = this.start(index);
    for (let i = 0; i < word.length; i++) {
      let byte = this.bytes[start + i];
      if (byte >= 0x61 && byte <= 0x7a) byte -= 32;
      if (byte !== word.charCodeAt(i)) return false;
    }
    return true;
  }

  /**
   * The argument as a whole number of 64 bits, or `undefined` when it is none. Beyond 2^53 the nearest
   * double stands for it.
   */
  integer(index: number): number | undefined {
    const length = this.length(index);
    if (length === 0 || length > 20) return undefined;
    let at = this.start(index);
    const end = this.end(index);
    const negative = this.bytes[at] === 0x2d;
    if (negative && ++at === end) return undefined;
    // As in Redis, there is one way to write a number: no sign before zero, no zeros in front.
    if (this.bytes[at] === 0x30 && length > 1) return undefined;
    let value = 0;
    for (; at < end; at++) {
      const digit = this.bytes[at] - 48;
      if (digit < 0 || digit > 9) return undefined;
      value = value * 10 + digit;
    }
    if (value > Number.MAX_SAFE_INTEGER) {
      const exact = BigInt(this.latin1(index));
      return BigInt.asIntN(64, exact) === exact ? Number(exact) : undefined;
    }
    return negative ? -value : value;
  }

  /** The body number of argument `index`, or `undefined` when it came with the others. */
  body(index: number): number | undefined {
    const { bodies } = this;
    for (let i = 0; i < bodies.length; i += 2) if (bodies[i] === index) return bodies[i + 1];
    return undefined;
  }

  /** The command's bytes, as they stand in `bytes`, moved to memory of their own. */
  detach(): Request {
    const copy = new Request();
    const end = this.argc === 0 ? 0 : Math.max(...this.ends.subarray(0, this.argc));
    copy.bytes = Buffer.from(this.bytes.subarray(this.base, this.base + end));
    copy.argc = this.argc;
    copy.starts = this.starts.slice(0, this.argc);
    copy.ends = this.ends.slice(0, this.argc);
    copy.bodies.push(...this.bodies);
    return copy;
  }
}
