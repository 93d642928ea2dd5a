import { grown } from "../columns.ts";
import { HashRows } from "../hash-rows.ts";
import { hashKey } from "../key-hash.ts";
import type { SlotTable } from "./slot-table.ts";

/** Bytes of an entry here and in its hash table. */
export const ENTRY_ROW_BYTES: number = HashRows.ROW_BYTES + 8 + 4 * 6 + 2;

/** Unit of the table's short times: 100 ms. */
export const TICK_MS = 100;

/**
 * The index: which key has which slot, and what is known about it.
 *
 * A hash table over typed columns: no object per entry, so a million entries cost the garbage
 * collector nothing. An entry is a number from 1 that stays the same for as long as its key is
 * present, also when the value is replaced; a walk in the order of the numbers therefore meets every
 * key that was there all along (SCAN's promise).
 */
export class EntryTable {
  readonly #slots: SlotTable;
  readonly #seed: number;
  readonly #rows = new HashRows();
  /** 0 in a free row. */
  #slot = new Int32Array(1024);
  #partner = new Int32Array(1024);
  #version = new Uint32Array(1024);
  #hits = new Uint32Array(1024);
  #usedAt = new Uint32Array(1024);
  #protectedUntil = new Uint32Array(1024);
  #expiresAt = new Float64Array(1024);
  #keyspace = new Uint8Array(1024);
  #pinned = new Uint8Array(1024);
  #lastVersion = 0;

  constructor(slots: SlotTable, seed: number) {
    this.#slots = slots;
    this.#seed = seed;
  }

  /** Entries present. */
  get count(): number {
    return this.#rows.count;
  }

  /** The version last given to an entry. */
  get lastVersion(): number {
    return this.#lastVersion;
  }

  /** All entries have numbers below this. */
  get end(): number {
    return this.#rows.end;
  }

  hashOf(key: Uint8Array, start: number, end: number, keyspace: number): number {
    return hashKey(key, start, end, keyspace, this.#seed);
  }

  /** The entry of `key[start, end)`, or 0. */
  find(key: Uint8Array, start: number, end: number, keyspace: number, hash: number): number {
    let entry = this.#rows.first(hash);
    while (entry !== 0) {
      if (
        this.#rows.hash(entry) === hash &&
        this.#keyspace[entry] === keyspace &&
        this.#sameKey(entry, key, start, end)
      )
        return entry;
      entry = this.#rows.next(entry);
    }
    return 0;
  }

  /** Adds an entry for a key that is not present; its slot must be sealed already. */
  add(hash: number, keyspace: number, slot: number): number {
    const entry = this.#rows.add(hash);
    if (this.#slot.length < this.#rows.capacity) this.#grow(this.#rows.capacity);
    this.#keyspace[entry] = keyspace;
    this.#slot[entry] = slot;
    this.#partner[entry] = 0;
    this.#hits[entry] = 0;
    this.#usedAt[entry] = 0;
    this.#protectedUntil[entry] = 0;
    this.#expiresAt[entry] = 0;
    this.#pinned[entry] = 0;
    this.#version[entry] = ++this.#lastVersion;
    return entry;
  }

  remove(entry: number): void {
    this.#slot[entry] = 0;
    this.#rows.remove(entry);
  }

  /** Gives the entry another slot; returns the one it had. */
  replaceSlot(entry: number, slot: number): number {
    const old = this.#slot[entry];
    this.#slot[entry] = slot;
    this.#version[entry] = ++this.#lastVersion;
    return old;
  }

  isPresent(entry: number): boolean {
    return this.#slot[entry] !== 0;
  }

  slot(entry: number): number {
    return this.#slot[entry];
  }

  hash(entry: number): number {
    return this.#rows.hash(entry);
  }

  keyspace(entry: number): number {
    return this.#keyspace[entry];
  }

  /** The other half of a pair (`…kv_bytes`, `…metadata`), or 0. */
  partner(entry: number): number {
    return this.#partner[entry];
  }

  setPartner(entry: number, partner: number): void {
    this.#partner[entry] = partner;
  }

  /** Differs whenever the value or its expiry was changed. */
  version(entry: number): number {
    return this.#version[entry];
  }

  hits(entry: number): number {
    return this.#hits[entry];
  }

  addHit(entry: number): void {
    this.#hits[entry]++;
  }

  /** Last use, in ticks since the tier began. */
  usedAt(entry: number): number {
    return this.#usedAt[entry];
  }

  setUsedAt(entry: number, tick: number): void {
    this.#usedAt[entry] = tick;
  }

  /** Not to be evicted before this tick. */
  protectedUntil(entry: number): number {
    return this.#protectedUntil[entry];
  }

  setProtectedUntil(entry: number, tick: number): void {
    this.#protectedUntil[entry] = tick;
  }

  /** Milliseconds since 1970, or 0 for never. */
  expiresAt(entry: number): number {
    return this.#expiresAt[entry];
  }

  setExpiresAt(entry: number, at: number): void {
    this.#expiresAt[entry] = at;
    this.#version[entry] = ++this.#lastVersion;
  }

  pinned(entry: number): boolean {
    return this.#pinned[entry] !== 0;
  }

  setPinned(entry: number, pinned: boolean): void {
    this.#pinned[entry] = pinned ? 1 : 0;
  }

  #sameKey(entry: number, key: Uint8Array, start: number, end: number): boolean {
    const slot = this.#slot[entry];
    const length = end - start;
    if (this.#slots.keyLength(slot) !== length) return false;
    const piece = this.#slots.piece(slot);
    const offset = this.#slots.keyOffset(slot) - start;
    for (let i = start; i < end; i++) if (piece[offset + i] !== key[i]) return false;
    return true;
  }

  #grow(rows: number): void {
    this.#slot = grown(this.#slot, rows);
    this.#partner = grown(this.#partner, rows);
    this.#version = grown(this.#version, rows);
    this.#hits = grown(this.#hits, rows);
    this.#usedAt = grown(this.#usedAt, rows);
    this.#protectedUntil = grown(this.#protectedUntil, rows);
    this.#expiresAt = grown(this.#expiresAt, rows);
    this.#keyspace = grown(this.#keyspace, rows);
    this.#pinned = grown(this.#pinned, rows);
  }
}
