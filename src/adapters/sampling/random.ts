/** A sequence of numbers that looks random and is the same for the same seed (sfc32). */
export class Random {
  readonly #state = new Uint32Array(4);

  /** @param seeds Whole numbers; each combination gives a sequence of its own. */
  constructor(...seeds: readonly number[]) {
    let mixed = 0x9e3779b9;
    const mix = (word: number) => {
      mixed = Math.imul(mixed ^ word, 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      return (mixed ^= mixed >>> 16);
    };
    for (const seed of seeds) {
      mix(seed | 0);
      mix(Math.floor(seed / 2 ** 32) | 0);
    }
    for (let index = 0; index < 4; index++) this.#state[index] = mix(index);
    for (let round = 0; round < 16; round++) this.#word();
  }

  /** From 0 to 1, without 1, in steps of 2^-53. */
  next(): number {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A whole number from 0 to `end`, without `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** A seed for another sequence. */
  seed(): number {
    return this.#word();
  }

  #word(): number {
    const state = this.#state;
    const [a, b, c, count] = state;
    const word = (a + b + count) >>> 0;
    state[3] = count + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + word;
    return word;
  }
}
