import { PageAllocator } from "./page-allocator.ts";

export const PAGE_BYTES = 4096;
/** The part of the WebAssembly API used here; Node's own types leave it out. */
declare const WebAssembly: {
  Memory: new (descriptor: { initial: number; maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
};

const WASM_PAGE_BYTES = 65_536;
const PIECE_BYTES = 1024 ** 3;
/** Page numbers count through all pieces; a piece holds a power of two of them. */
export const PAGES_PER_PIECE: number = PIECE_BYTES / PAGE_BYTES;

/**
 * The RAM tier's memory: pieces of up to 1 GiB, made when first needed and kept for life.
 *
 * Pieces come from `WebAssembly.Memory`, the one memory in Node that is page aligned (O_DIRECT reads
 * and writes it). It could be made shared for worker threads; copies within shared memory are slower.
 */
export class Arena {
  readonly pieces: Buffer[] = [];
  readonly #pages: PageAllocator;
  readonly #capacityPages: number;
  #madePages = 0;

  /** @param capacityBytes - rounded down to whole 64 KiB. */
  constructor(capacityBytes: number) {
    const whole = Math.max(1, Math.floor(capacityBytes / WASM_PAGE_BYTES)) * WASM_PAGE_BYTES;
    this.#capacityPages = whole / PAGE_BYTES;
    const pieces = Math.ceil(whole / PIECE_BYTES);
    this.#pages = new PageAllocator(
      pieces === 1 ? this.#capacityPages : pieces * PAGES_PER_PIECE,
      PAGES_PER_PIECE,
    );
  }

  get capacityBytes(): number {
    return this.#capacityPages * PAGE_BYTES;
  }

  /** The longest run that can ever be allocated. */
  get largestRunBytes(): number {
    return Math.min(this.capacityBytes, PIECE_BYTES);
  }

  /** Bytes in runs that are handed out. */
  get usedBytes(): number {
    return (this.#madePages - this.#pages.free) * PAGE_BYTES;
  }

  /** First page number of a run of `count` pages, or -1 when there is none. */
  allocate(count: number): number {
    const page = this.#pages.allocate(count);
    if (page >= 0 || !this.#addPiece()) return page;
    return this.allocate(count);
  }

  release(page: number, count: number): void {
    this.#pages.release(page, count);
  }

  #addPiece(): boolean {
    const pages = Math.min(PAGES_PER_PIECE, this.#capacityPages - this.#madePages);
    if (pages <= 0) return false;
    const size = (pages * PAGE_BYTES) / WASM_PAGE_BYTES;
    const memory = new WebAssembly.Memory({ initial: size, maximum: size });
    this.#pages.release(this.pieces.length * PAGES_PER_PIECE, pages);
    this.pieces.push(Buffer.from(memory.buffer));
    this.#madePages += pages;
    return true;
  }
}
