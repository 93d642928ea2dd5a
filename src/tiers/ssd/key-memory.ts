import { Arena, PAGES_PER_PIECE } from "../ram/arena.ts";
import { SlabAllocator } from "../ram/slab-allocator.ts";
import { PAGE_BYTES } from "./layout.ts";

/** Keys of the index, outside the garbage collector's reach. A place is a number from 0. */
export class KeyMemory {
  readonly #arena: Arena;
  readonly #slabs: SlabAllocator;

  constructor(capacityBytes: number) {
    this.#arena = new Arena(capacityBytes);
    this.#slabs = new SlabAllocator(this.#arena);
  }

  get usedBytes(): number {
    return this.#arena.usedBytes;
  }

  /** Keeps `key[start, end)`; -1 when memory is full. */
  add(key: Uint8Array, start: number, end: number): number {
    const place = this.#slabs.allocate(end - start);
    if (place < 0) return -1;
    const piece = this.#piece(place);
    const offset = this.#offset(place) - start;
    for (let i = start; i < end; i++) piece[offset + i] = key[i];
    return place;
  }

  remove(place: number): void {
    this.#slabs.release(place);
  }

  get(place: number, length: number): Buffer {
    const offset = this.#offset(place);
    return this.#piece(place).subarray(offset, offset + length);
  }

  equals(place: number, length: number, key: Uint8Array, start: number, end: number): boolean {
    if (end - start !== length) return false;
    const piece = this.#piece(place);
    const offset = this.#offset(place) - start;
    for (let i = start; i < end; i++) if (piece[offset + i] !== key[i]) return false;
    return true;
  }

  #piece(place: number): Buffer {
    return this.#arena.pieces[Math.floor(this.#slabs.page(place) / PAGES_PER_PIECE)];
  }

  #offset(place: number): number {
    return (this.#slabs.page(place) % PAGES_PER_PIECE) * PAGE_BYTES + this.#slabs.offset(place);
  }
}
