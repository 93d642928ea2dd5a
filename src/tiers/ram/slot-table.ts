import {
  BULK_TRAILER_BYTES,
  bulkHeaderBytes,
  writeBulkHeaderBefore,
} from "../../wire/resp/frame.ts";
import { type Arena, PAGE_BYTES, PAGES_PER_PIECE } from "./arena.ts";
import { grown } from "../columns.ts";
import { LARGEST_SLAB_BYTES, SlabAllocator } from "./slab-allocator.ts";

/**
 * Room before the value for its RESP header, 13 bytes at most, and no more: where the kernel copies
 * with `rep movsb`, some processors are ten times slower when the target lies a few bytes ahead of the
 * source within its page, and requests put their value at 30 bytes and more (docs/decisions/0008).
 */
const PREFIX = 16;

/** Most bytes that placing a value in a slot may leave unused. */
const MOST_UNUSED = 2 * PAGE_BYTES;

/** Bytes of the columns below, per slot. */
export const SLOT_ROW_BYTES: number = 2 + 4 * 6;

/**
 * Slots: pieces of memory that each hold one value, framed as RESP sends it, and its key.
 *
 * ```
 *   | … "$1048576" CRLF | value bytes | CRLF | key bytes | unused |
 *   ^ slot              ^ value       (16 bytes after the slot, if it was not read in place)
 * ```
 *
 * A slot is a number from 1. Whoever allocates it holds its first reference; memory goes back when
 * the last one is released, so a value stays whole while a socket still writes it.
 */
export class SlotTable {
  readonly #arena: Arena;
  readonly #slabs: SlabAllocator;
  /** The arena's piece that the slot lies in, and where in it the value begins. */
  #piece = new Uint16Array(1024);
  #offset = new Int32Array(1024);
  /** Pages of a slot of its own, or 0 for one from a slab. */
  #pages = new Int32Array(1024);
  /** First page, or the slab slot's name; of a free row, the next free row. */
  #place = new Int32Array(1024);
  #references = new Int32Array(1024);
  #length = new Int32Array(1024);
  #keyLength = new Int32Array(1024);
  #rows = 1;
  #freeRow = 0;
  #held = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#slabs = new SlabAllocator(arena);
  }

  /** Slots in use. */
  get count(): number {
    return this.#held;
  }

  /** Bytes that a value takes with its frame and key, before rounding. */
  static bytesFor(valueLength: number, keyLength: number): number {
    return PREFIX + valueLength + BULK_TRAILER_BYTES + keyLength;
  }

  /** A slot for a value and a key of these lengths, or 0 when there is no room now. */
  allocate(valueLength: number, keyLength: number): number {
    const bytes = SlotTable.bytesFor(valueLength, keyLength);
    let pages = 0;
    let place: number;
    let page: number;
    let offset: number;
    if (bytes <= LARGEST_SLAB_BYTES) {
      place = this.#slabs.allocate(bytes);
      if (place < 0) return 0;
      page = this.#slabs.page(place);
      offset = this.#slabs.offset(place) + PREFIX;
    } else {
      pages = Math.ceil(bytes / PAGE_BYTES);
      place = this.#arena.allocate(pages);
      if (place < 0) return 0;
      page = place;
      offset = PREFIX;
    }
    const slot = this.#takeRow();
    this.#piece[slot] = Math.floor(page / PAGES_PER_PIECE);
    this.#offset[slot] = (page % PAGES_PER_PIECE) * PAGE_BYTES + offset;
    this.#pages[slot] = pages;
    this.#place[slot] = place;
    this.#references[slot] = 1;
    this.#length[slot] = valueLength;
    this.#keyLength[slot] = keyLength;
    return slot;
  }

  retain(slot: number): void {
    this.#references[slot]++;
  }

  /** Gives up one reference. Returns whether it was the last. */
  release(slot: number): boolean {
    if (--this.#references[slot] > 0) return false;
    if (this.#pages[slot] > 0) this.#arena.release(this.#place[slot], this.#pages[slot]);
    else this.#slabs.release(this.#place[slot]);
    this.#place[slot] = this.#freeRow;
    this.#freeRow = slot;
    this.#held--;
    return true;
  }

  references(slot: number): number {
    return this.#references[slot];
  }

  /** Bytes of the value. */
  length(slot: number): number {
    return this.#length[slot];
  }

  keyLength(slot: number): number {
    return this.#keyLength[slot];
  }

  /** Bytes of memory that the slot takes, all told. */
  bytes(slot: number): number {
    const pages = this.#pages[slot];
    return pages > 0 ? pages * PAGE_BYTES : this.#slabs.bytes(this.#place[slot]);
  }

  /** The piece of memory the slot lies in; {@link valueOffset} and {@link keyOffset} index it. */
  piece(slot: number): Buffer {
    return this.#arena.pieces[this.#piece[slot]];
  }

  valueOffset(slot: number): number {
    return this.#offset[slot];
  }

  keyOffset(slot: number): number {
    return this.valueOffset(slot) + this.#length[slot] + BULK_TRAILER_BYTES;
  }

  /** Writes the frame and the key around the value. */
  seal(slot: number, key: Uint8Array, keyStart: number): void {
    const piece = this.piece(slot);
    const start = this.valueOffset(slot);
    const length = this.#length[slot];
    writeBulkHeaderBefore(piece, start, length);
    let at = start + length;
    piece[at++] = 13;
    piece[at++] = 10;
    const keyEnd = keyStart + this.#keyLength[slot];
    for (let i = keyStart; i < keyEnd; i++) piece[at++] = key[i];
  }

  /** The value's memory. */
  value(slot: number): Buffer {
    const start = this.valueOffset(slot);
    return this.piece(slot).subarray(start, start + this.#length[slot]);
  }

  /** The value's memory from `from` on, and all of the slot that follows it. */
  valueAndRest(slot: number, from: number): Buffer {
    return this.piece(slot).subarray(this.#offset[slot] + from, this.#end(slot));
  }

  /** Whether the slot has pages of its own: page-aligned {@link memory} that nothing else lies in. */
  hasPages(slot: number): boolean {
    return this.#pages[slot] > 0;
  }

  /** All memory of a slot that has pages of its own. */
  memory(slot: number): Buffer {
    return this.piece(slot).subarray(this.#start(slot), this.#end(slot));
  }

  /**
   * Declares that the value lies `start` bytes into {@link memory}, with these lengths. Returns false,
   * and changes nothing, when value, CRLF and key would not fit or leave much of the slot unused.
   */
  place(slot: number, start: number, length: number, keyLength: number): boolean {
    const needed = start + length + BULK_TRAILER_BYTES + keyLength;
    const unused = this.bytes(slot) - needed;
    if (unused < 0 || unused > MOST_UNUSED) return false;
    this.#offset[slot] = this.#start(slot) + start;
    this.#length[slot] = length;
    this.#keyLength[slot] = keyLength;
    return true;
  }

  /** Where the RESP frame around the value begins. */
  frameOffset(slot: number): number {
    return this.valueOffset(slot) - bulkHeaderBytes(this.#length[slot]);
  }

  /** Bytes of the RESP frame: header, value and CRLF. */
  frameLength(slot: number): number {
    return bulkHeaderBytes(this.#length[slot]) + this.#length[slot] + BULK_TRAILER_BYTES;
  }

  /** The value as RESP sends it. */
  frame(slot: number): Buffer {
    const start = this.frameOffset(slot);
    return this.piece(slot).subarray(start, start + this.frameLength(slot));
  }

  key(slot: number): Buffer {
    const start = this.keyOffset(slot);
    return this.piece(slot).subarray(start, start + this.#keyLength[slot]);
  }

  /** Where a slot with pages of its own begins in its piece. */
  #start(slot: number): number {
    return (this.#place[slot] % PAGES_PER_PIECE) * PAGE_BYTES;
  }

  #end(slot: number): number {
    return this.#start(slot) + this.#pages[slot] * PAGE_BYTES;
  }

  #takeRow(): number {
    this.#held++;
    const free = this.#freeRow;
    if (free !== 0) {
      this.#freeRow = this.#place[free];
      return free;
    }
    if (this.#rows === this.#pages.length) this.#grow(this.#rows * 2);
    return this.#rows++;
  }

  #grow(rows: number): void {
    this.#piece = grown(this.#piece, rows);
    this.#offset = grown(this.#offset, rows);
    this.#pages = grown(this.#pages, rows);
    this.#place = grown(this.#place, rows);
    this.#references = grown(this.#references, rows);
    this.#length = grown(this.#length, rows);
    this.#keyLength = grown(this.#keyLength, rows);
  }
}
