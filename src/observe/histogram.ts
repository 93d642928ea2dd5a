const SUB_BITS = 3;
const SUB = 1 << SUB_BITS;
const BUCKETS = SUB * 40;

/**
 * Counts of durations in buckets of at most 12 % width, from 1 ns to an hour. Recording costs a few
 * nanoseconds and never allocates.
 */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  /** @param ms - a duration in milliseconds. */
  record(ms: number): void {
    this.#count++;
    this.#sum += ms;
    if (ms > this.#max) this.#max = ms;
    this.#counts[bucketOf(ms * 1e6)]++;
  }

  get count(): number {
    return this.#count;
  }

  /** Sum of all durations, in milliseconds. */
  get sumMs(): number {
    return this.#sum;
  }

  get maxMs(): number {
    return this.#max;
  }

  /** The duration that the given share (0 to 1) of all stays below, in milliseconds. */
  quantileMs(share: number): number {
    let left = Math.ceil(this.#count * share);
    if (left === 0) return 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket];
      if (left <= 0) return Math.min(upperBound(bucket) / 1e6, this.#max);
    }
    return this.#max;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = this.#sum = this.#max = 0;
  }
}

function bucketOf(ns: number): number {
  if (ns < SUB) return ns < 0 ? 0 : Math.floor(ns);
  // Beyond 2^31 ns a duration is shifted down first, so that whole-number arithmetic does.
  const shift = ns < 2 ** 31 ? 0 : 20;
  const whole = shift === 0 ? ns | 0 : Math.min(ns / 2 ** shift, 2 ** 31 - 1) | 0;
  const exponent = 31 - Math.clz32(whole) - SUB_BITS;
  return Math.min(SUB * (exponent + shift) + (whole >> exponent), BUCKETS - 1);
}

function upperBound(bucket: number): number {
  if (bucket < SUB) return bucket + 1;
  const exponent = Math.floor(bucket / SUB) - 1;
  return ((bucket % SUB) + SUB + 1) * 2 ** exponent;
}
