/**
 * Remembers the hashes of the last so many evicted entries, in a direct-mapped table of 8 bytes a
 * cell: a newer ghost may push out an older one of the same cell, which only costs a little accuracy.
 */
export class GhostFilter {
  #hashes = new Int32Array(1024);
  #addedAt = new Float64Array(1024);
  #added = 0;

  add(hash: number): void {
    this.#added++;
    const cell = this.#cell(hash);
    this.#hashes[cell] = hash;
    this.#addedAt[cell] = this.#added;
  }

  /** Whether `hash` was among the last `window` added. */
  has(hash: number, window: number): boolean {
    if (window * 2 > this.#hashes.length) this.#grow(window * 2);
    const cell = this.#cell(hash);
    const addedAt = this.#addedAt[cell];
    return addedAt > 0 && this.#hashes[cell] === hash && this.#added - addedAt < window;
  }

  #cell(hash: number): number {
    return (hash ^ (hash >>> 15)) & (this.#hashes.length - 1);
  }

  #grow(needed: number): void {
    const hashes = this.#hashes;
    const addedAt = this.#addedAt;
    let cells = hashes.length;
    while (cells < needed) cells *= 2;
    this.#hashes = new Int32Array(cells);
    this.#addedAt = new Float64Array(cells);
    for (let old = 0; old < hashes.length; old++) {
      if (addedAt[old] === 0) continue;
      const cell = this.#cell(hashes[old]);
      this.#hashes[cell] = hashes[old];
      this.#addedAt[cell] = addedAt[old];
    }
  }
}
