/** A way to keep blocks of one size on a disk, at most so many: the oldest go first. */
export interface BlockKeeper extends AsyncDisposable {
  /** Keeps one more block. Resolves with its bytes. */
  write(): Promise<number>;
  /** Resolves when what was written is on the disk. */
  flush(): Promise<void>;
  /** Evicts what was written and read from the page cache. */
  forgetCache(): Promise<void>;
  /** Reads a block that is there into memory that is used again. Resolves with its bytes. */
  read(): Promise<number>;
}

/** Numbers of the blocks that are there, oldest first. */
export class Fifo {
  #oldest = 0;
  #next = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** The number of a new block, and of the one that it replaces. */
  add(): { readonly added: number; readonly gone: number | undefined } {
    const added = this.#next++;
    const gone = added - this.#oldest >= this.#most ? this.#oldest++ : undefined;
    return { added, gone };
  }

  /** One that is there and has been for a while. */
  any(): number {
    const settled = Math.max(1, this.#next - this.#oldest - 64);
    return this.#oldest + Math.floor(Math.random() * settled);
  }
}
