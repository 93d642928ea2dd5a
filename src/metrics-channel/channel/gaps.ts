/** Most steps that are listed; the others are only counted. */
const mostListed = 100_000;

/** Steps that should be there and are not. */
export class Gaps {
  readonly listed: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The steps from `first` up to, without, `end` are missing. */
  add(first: number, end: number): void {
    if (end <= first) return;
    this.#count += end - first;
    const last = Math.min(end, first + mostListed - this.listed.length);
    for (let step = first; step < last; step++) this.listed.push(step);
  }
}
