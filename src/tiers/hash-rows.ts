import { grown } from "./columns.ts";

/**
 * The bones of a hash table over typed columns: which rows share a bucket, and which rows are free.
 * Whoever owns it keeps the keys and all else in columns of its own.
 *
 * A row is a number from 1 that stays the same until it is removed. Buckets grow by linear hashing:
 * each new row may split one bucket, and no insert ever stops to rehash the table.
 */
export class HashRows {
  #heads = new Int32Array(1024);
  /** Buckets in use are `[0, #base + #split)`; those below `#split` are already split. */
  #base = 512;
  #split = 0;
  #hash = new Int32Array(1024);
  /** Next row of the bucket; of a free row, the next free row. */
  #next = new Int32Array(1024);
  #end = 1;
  #freeRow = 0;
  #count = 0;

  /** Bytes a row takes here, with its share of the bucket heads. */
  static readonly ROW_BYTES: number = 4 + 4 + 2 * 4;

  /** Rows in use. */
  get count(): number {
    return this.#count;
  }

  /** All rows have numbers below this. */
  get end(): number {
    return this.#end;
  }

  /** How many rows there is room for now: how long the owner's columns must be. */
  get capacity(): number {
    return this.#hash.length;
  }

  /** The first row that may have this hash, or 0. */
  first(hash: number): number {
    return this.#heads[this.#bucket(hash)];
  }

  /** The row after it in the same bucket, or 0. */
  next(row: number): number {
    return this.#next[row];
  }

  hash(row: number): number {
    return this.#hash[row];
  }

  /** A new row. The owner's columns must grow when {@link capacity} has. */
  add(hash: number): number {
    const row = this.#take();
    this.#hash[row] = hash;
    const bucket = this.#bucket(hash);
    this.#next[row] = this.#heads[bucket];
    this.#heads[bucket] = row;
    this.#count++;
    if (this.#count > this.#base + this.#split) this.#splitOne();
    return row;
  }

  remove(row: number): void {
    const bucket = this.#bucket(this.#hash[row]);
    let at = this.#heads[bucket];
    if (at === row) this.#heads[bucket] = this.#next[row];
    else {
      while (this.#next[at] !== row) at = this.#next[at];
      this.#next[at] = this.#next[row];
    }
    this.#next[row] = this.#freeRow;
    this.#freeRow = row;
    this.#count--;
  }

  #bucket(hash: number): number {
    const bucket = hash & (this.#base - 1);
    return bucket < this.#split ? hash & (2 * this.#base - 1) : bucket;
  }

  #splitOne(): void {
    const from = this.#split++;
    const to = from + this.#base;
    const mask = 2 * this.#base - 1;
    if (to >= this.#heads.length) this.#heads = grown(this.#heads, this.#heads.length * 2);
    let row = this.#heads[from];
    let stay = 0;
    let move = 0;
    while (row !== 0) {
      const next = this.#next[row];
      if ((this.#hash[row] & mask) === from) {
        this.#next[row] = stay;
        stay = row;
      } else {
        this.#next[row] = move;
        move = row;
      }
      row = next;
    }
    this.#heads[from] = stay;
    this.#heads[to] = move;
    if (this.#split === this.#base) {
      this.#base *= 2;
      this.#split = 0;
    }
  }

  #take(): number {
    const free = this.#freeRow;
    if (free !== 0) {
      this.#freeRow = this.#next[free];
      return free;
    }
    if (this.#end === this.#hash.length) {
      this.#hash = grown(this.#hash, this.#end * 2);
      this.#next = grown(this.#next, this.#end * 2);
    }
    return this.#end++;
  }
}
