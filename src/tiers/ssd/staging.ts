import { Arena, PAGES_PER_PIECE } from "../ram/arena.ts";
import { PAGE_BYTES } from "./layout.ts";

/** Page-aligned memory for bytes on their way to or from the disk. */
export class Staging {
  readonly #arena: Arena;
  readonly #waiting: (() => void)[] = [];

  constructor(capacityBytes: number) {
    this.#arena = new Arena(capacityBytes);
  }

  get capacityBytes(): number {
    return this.#arena.capacityBytes;
  }

  get usedBytes(): number {
    return this.#arena.usedBytes;
  }

  /** A run of pages, or `undefined` when there is none now. */
  tryTake(pages: number): StagingRun | undefined {
    const page = this.#arena.allocate(pages);
    if (page < 0) return undefined;
    const start = (page % PAGES_PER_PIECE) * PAGE_BYTES;
    const piece = this.#arena.pieces[Math.floor(page / PAGES_PER_PIECE)];
    return new StagingRun(piece.subarray(start, start + pages * PAGE_BYTES), () => {
      this.#arena.release(page, pages);
      this.#waiting.shift()?.();
    });
  }

  /** The same, as soon as there is one; `pages` must not exceed the capacity. */
  async take(pages: number): Promise<StagingRun> {
    for (;;) {
      const run = this.tryTake(pages);
      if (run !== undefined) return run;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

export class StagingRun {
  readonly memory: Buffer;
  #giveBack: (() => void) | undefined;

  constructor(memory: Buffer, giveBack: () => void) {
    this.memory = memory;
    this.#giveBack = giveBack;
  }

  /** Further calls do nothing. */
  release(): void {
    this.#giveBack?.();
    this.#giveBack = undefined;
  }
}
