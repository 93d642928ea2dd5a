const EXACT_CLASSES = 32;
const STEPS_PER_DOUBLING = 16;
const CLASSES = EXACT_CLASSES + STEPS_PER_DOUBLING * 26;
const TRIES_IN_CLASS = 8;

/**
 * Hands out runs of consecutive pages, first come first served, and joins freed neighbours.
 *
 * Free runs hang in lists by size class (two levels, as in TLSF), so that both calls take constant
 * time. All state is in typed arrays: nothing for the garbage collector to walk.
 * Runs never join across a multiple of `boundary`, because the memory behind them is not contiguous.
 */
export class PageAllocator {
  /** At the first and the last page of a free run: its length. At those of a used run: 0. */
  readonly #runLength: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #heads = new Int32Array(CLASSES).fill(-1);
  readonly #nonEmpty = new Int32Array((CLASSES + 31) >> 5);
  readonly #boundary: number;
  #free = 0;

  constructor(pages: number, boundary: number) {
    this.#runLength = new Int32Array(pages);
    this.#next = new Int32Array(pages);
    this.#previous = new Int32Array(pages);
    this.#boundary = boundary;
  }

  /** Pages that are free. */
  get free(): number {
    return this.#free;
  }

  /** First page of a run of `count` pages, or -1 when no free run is that long. */
  allocate(count: number): number {
    const start = this.#findRun(count);
    if (start < 0) return -1;
    const length = this.#runLength[start];
    this.#unlink(start, length);
    this.#mark(start, count, 0);
    if (length > count) this.#link(start + count, length - count);
    this.#free -= count;
    return start;
  }

  /** Takes back `count` pages from `start`: a run that {@link allocate} gave, or pages never given. */
  release(start: number, count: number): void {
    this.#free += count;
    let first = start;
    let length = count;
    const after = start + count;
    if (start % this.#boundary !== 0) {
      const before = this.#runLength[start - 1];
      if (before > 0) {
        first = start - before;
        length += before;
        this.#unlink(first, before);
      }
    }
    if (after % this.#boundary !== 0 && after < this.#runLength.length) {
      const behind = this.#runLength[after];
      if (behind > 0) {
        length += behind;
        this.#unlink(after, behind);
      }
    }
    // The seams inside the joined run must not read as ends of a run later.
    this.#runLength[start] = 0;
    this.#runLength[after - 1] = 0;
    this.#link(first, length);
  }

  #findRun(count: number): number {
    const own = sizeClass(count);
    let candidate = this.#heads[own];
    for (let tries = 0; candidate >= 0 && tries < TRIES_IN_CLASS; tries++) {
      if (this.#runLength[candidate] >= count) return candidate;
      candidate = this.#next[candidate];
    }
    const larger = this.#nextNonEmpty(own + 1);
    if (larger >= 0) return this.#heads[larger];
    while (candidate >= 0 && this.#runLength[candidate] < count) candidate = this.#next[candidate];
    return candidate;
  }

  #nextNonEmpty(from: number): number {
    let word = from >> 5;
    if (word >= this.#nonEmpty.length) return -1;
    let bits = this.#nonEmpty[word] & (-1 << (from & 31));
    while (bits === 0) {
      if (++word >= this.#nonEmpty.length) return -1;
      bits = this.#nonEmpty[word];
    }
    return (word << 5) + (31 - Math.clz32(bits & -bits));
  }

  #mark(start: number, length: number, value: number): void {
    this.#runLength[start] = value;
    this.#runLength[start + length - 1] = value;
  }

  #link(start: number, length: number): void {
    this.#mark(start, length, length);
    const index = sizeClass(length);
    const head = this.#heads[index];
    this.#next[start] = head;
    this.#previous[start] = -1;
    if (head >= 0) this.#previous[head] = start;
    this.#heads[index] = start;
    this.#nonEmpty[index >> 5] |= 1 << (index & 31);
  }

  #unlink(start: number, length: number): void {
    const next = this.#next[start];
    const previous = this.#previous[start];
    if (next >= 0) this.#previous[next] = previous;
    if (previous >= 0) {
      this.#next[previous] = next;
      return;
    }
    const index = sizeClass(length);
    this.#heads[index] = next;
    if (next < 0) this.#nonEmpty[index >> 5] &= ~(1 << (index & 31));
  }
}

function sizeClass(pages: number): number {
  if (pages < EXACT_CLASSES) return pages;
  const doubling = 31 - Math.clz32(pages);
  const step = (pages >>> (doubling - 4)) & (STEPS_PER_DOUBLING - 1);
  return EXACT_CLASSES + (doubling - 5) * STEPS_PER_DOUBLING + step;
}
