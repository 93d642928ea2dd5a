/**
 * Doubly linked lists of entry numbers, several of them over one pair of typed arrays; an entry is in
 * at most one list. Row 0 of `#next`/`#previous` and the rows after it are the lists' sentinels.
 */
export class EntryLists {
  readonly #lists: number;
  #next: Int32Array;
  #previous: Int32Array;

  constructor(lists: number) {
    this.#lists = lists;
    this.#next = new Int32Array(1024);
    this.#previous = new Int32Array(1024);
    for (let list = 0; list < lists; list++) this.#next[list] = this.#previous[list] = list;
  }

  /** Puts the entry at the list's front. */
  addFirst(list: number, entry: number): void {
    const row = entry + this.#lists;
    if (row >= this.#next.length) this.#grow(row + 1);
    const first = this.#next[list];
    this.#next[row] = first;
    this.#previous[row] = list;
    this.#previous[first] = row;
    this.#next[list] = row;
  }

  /** Takes the entry out of the list it is in. */
  take(entry: number): void {
    const row = entry + this.#lists;
    const next = this.#next[row];
    const previous = this.#previous[row];
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  /** The entry at the list's end, or 0. */
  last(list: number): number {
    const row = this.#previous[list];
    return row === list ? 0 : row - this.#lists;
  }

  /** From the list's end to its front. */
  *fromLast(list: number): Generator<number> {
    for (let row = this.#previous[list]; row !== list; row = this.#previous[row])
      yield row - this.#lists;
  }

  #grow(needed: number): void {
    const rows = Math.max(needed, this.#next.length * 2);
    const next = new Int32Array(rows);
    const previous = new Int32Array(rows);
    next.set(this.#next);
    previous.set(this.#previous);
    this.#next = next;
    this.#previous = previous;
  }
}
