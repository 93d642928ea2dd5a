import { MAX_KEY_BYTES } from "../../store/contract.ts";
import { grown } from "../columns.ts";
import { HashRows } from "../hash-rows.ts";
import { hashKey } from "../key-hash.ts";
import { KeyMemory } from "./key-memory.ts";

/** Bytes of a row here and in its hash table, beside its key. */
const INDEX_ROW_BYTES: number = HashRows.ROW_BYTES + 4 * 4 + 2 * 2 + 3 * 8 + 3;

/** What a row is. */
export const rowState = {
  /** The value is on the disk. */
  stored: 1,
  /** The value is being written. */
  pending: 2,
  /** The key is known to be gone: what an older segment says of it does not count (while loading). */
  gone: 3,
} as const;

const STATE = 3;
const IN_RAM = 4;
const PINNED = 8;
const WAS_READ = 16;

/** Of a row whose value is nowhere on the disk. */
export const NO_SEGMENT = 0xffff;

/**
 * Which key has its value where on the disk: a hash table over typed columns, at most 64 bytes a row
 * beside the key.
 */
export class SsdIndex {
  readonly #rows = new HashRows();
  readonly #keys: KeyMemory;
  readonly #seed: number;
  #keyPlace = new Int32Array(1024);
  #keyLength = new Uint16Array(1024);
  #segment = new Uint16Array(1024);
  /** Where in the segment the value begins, in bytes. */
  #position = new Uint32Array(1024);
  #length = new Uint32Array(1024);
  #version = new Float64Array(1024);
  #checksum = new BigUint64Array(1024);
  #expiresAt = new Float64Array(1024);
  /** Generation of the segment that was written to when the row was last used. */
  #usedAt = new Uint32Array(1024);
  #hits = new Uint8Array(1024);
  #keyspace = new Uint8Array(1024);
  /** 0 in a free row. */
  #flags = new Uint8Array(1024);
  readonly #stored = new Int32Array(256);
  readonly #storedInRam = new Int32Array(256);
  #storedCount = 0;
  #goneCount = 0;
  #pinnedCount = 0;
  #storedBytes = 0;

  constructor(seed: number, keyMemoryBytes: number) {
    this.#seed = seed;
    this.#keys = new KeyMemory(keyMemoryBytes, MAX_KEY_BYTES);
  }

  /** Rows of any state. */
  get count(): number {
    return this.#rows.count;
  }

  /** All rows have numbers below this. */
  get end(): number {
    return this.#rows.end;
  }

  /** Rows whose value can be read. */
  get storedCount(): number {
    return this.#storedCount;
  }

  get goneCount(): number {
    return this.#goneCount;
  }

  get pinnedCount(): number {
    return this.#pinnedCount;
  }

  /** Bytes of the values that can be read. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Bytes of memory that the rows and their keys take. */
  get memoryBytes(): number {
    return this.#rows.count * INDEX_ROW_BYTES + this.#keys.usedBytes;
  }

  storedIn(keyspace: number): number {
    return this.#stored[keyspace];
  }

  storedInRam(keyspace: number): number {
    return this.#storedInRam[keyspace];
  }

  /** The row of `key[start, end)` in any state, or 0. */
  locate(key: Uint8Array, start: number, end: number, keyspace: number): number {
    const hash = hashKey(key, start, end, keyspace, this.#seed);
    let row = this.#rows.first(hash);
    while (row !== 0) {
      if (
        this.#rows.hash(row) === hash &&
        this.#keyspace[row] === keyspace &&
        this.#keys.equals(this.#keyPlace[row], this.#keyLength[row], key, start, end)
      )
        return row;
      row = this.#rows.next(row);
    }
    return 0;
  }

  /** A row for a key that has none; 0 when there is no memory for the key. Its state must be set. */
  add(key: Uint8Array, start: number, end: number, keyspace: number): number {
    const place = this.#keys.add(key, start, end);
    if (place < 0) return 0;
    const row = this.#rows.add(hashKey(key, start, end, keyspace, this.#seed));
    if (this.#flags.length < this.#rows.capacity) this.#grow(this.#rows.capacity);
    this.#keyPlace[row] = place;
    this.#keyLength[row] = end - start;
    this.#keyspace[row] = keyspace;
    this.#segment[row] = NO_SEGMENT;
    this.#position[row] = 0;
    this.#length[row] = 0;
    this.#version[row] = 0;
    this.#checksum[row] = 0n;
    this.#expiresAt[row] = 0;
    this.#usedAt[row] = 0;
    this.#hits[row] = 0;
    this.#flags[row] = rowState.pending;
    return row;
  }

  remove(row: number): void {
    this.setState(row, rowState.pending);
    this.setPinned(row, false);
    this.#keys.remove(this.#keyPlace[row], this.#keyLength[row]);
    this.#flags[row] = 0;
    this.#rows.remove(row);
  }

  isPresent(row: number): boolean {
    return this.#flags[row] > 0;
  }

  state(row: number): number {
    return this.#flags[row] & STATE;
  }

  isStored(row: number): boolean {
    return (this.#flags[row] & STATE) === rowState.stored;
  }

  setState(row: number, state: number): void {
    const before = this.#flags[row] & STATE;
    if (before === state) return;
    if (before === rowState.stored) this.#count(row, -1);
    if (before === rowState.gone) this.#goneCount--;
    this.#flags[row] = (this.#flags[row] & ~STATE) | state;
    if (state === rowState.stored) this.#count(row, 1);
    if (state === rowState.gone) this.#goneCount++;
  }

  isInRam(row: number): boolean {
    return (this.#flags[row] & IN_RAM) !== 0;
  }

  setInRam(row: number, inRam: boolean): void {
    if (this.isInRam(row) === inRam) return;
    this.#flags[row] ^= IN_RAM;
    if (this.isStored(row)) this.#storedInRam[this.#keyspace[row]] += inRam ? 1 : -1;
  }

  isPinned(row: number): boolean {
    return (this.#flags[row] & PINNED) !== 0;
  }

  setPinned(row: number, pinned: boolean): void {
    if (this.isPinned(row) === pinned) return;
    this.#flags[row] ^= PINNED;
    this.#pinnedCount += pinned ? 1 : -1;
  }

  /** Whether the row was used since it was written or moved. */
  wasRead(row: number): boolean {
    return (this.#flags[row] & WAS_READ) !== 0;
  }

  /** The row is used while segment `generation` is written to. */
  use(row: number, generation: number): void {
    this.#flags[row] |= WAS_READ;
    this.#usedAt[row] = generation;
  }

  setUsedAt(row: number, generation: number): void {
    this.#usedAt[row] = generation;
  }

  usedAt(row: number): number {
    return this.#usedAt[row];
  }

  addHit(row: number): void {
    if (this.#hits[row] < 255) this.#hits[row]++;
  }

  /** Reads, counted up to 255. */
  hits(row: number): number {
    return this.#hits[row];
  }

  /** The value lies here now. */
  place(row: number, segment: number, position: number): void {
    this.#segment[row] = segment;
    this.#position[row] = position;
  }

  /** From now on only new reads count as such ({@link wasRead}). */
  forgetReads(row: number): void {
    this.#flags[row] &= ~WAS_READ;
  }

  /** Another value for the row, not yet on the disk. */
  setValue(row: number, length: number, version: number, expiresAt: number): void {
    this.setState(row, rowState.pending);
    this.#segment[row] = NO_SEGMENT;
    this.#length[row] = length;
    this.#version[row] = version;
    this.#expiresAt[row] = expiresAt;
    this.forgetReads(row);
  }

  segment(row: number): number {
    return this.#segment[row];
  }

  position(row: number): number {
    return this.#position[row];
  }

  length(row: number): number {
    return this.#length[row];
  }

  version(row: number): number {
    return this.#version[row];
  }

  checksum(row: number): bigint {
    return this.#checksum[row];
  }

  setChecksum(row: number, checksum: bigint): void {
    this.#checksum[row] = checksum;
  }

  expiresAt(row: number): number {
    return this.#expiresAt[row];
  }

  setExpiresAt(row: number, at: number): void {
    this.#expiresAt[row] = at;
  }

  keyspace(row: number): number {
    return this.#keyspace[row];
  }

  keyLength(row: number): number {
    return this.#keyLength[row];
  }

  /** The key's bytes: a view, valid until the row is removed. */
  key(row: number): Buffer {
    return this.#keys.get(this.#keyPlace[row], this.#keyLength[row]);
  }

  /** Rows of `[from, to)` whose value lies in this segment. */
  rowsOf(segment: number, from: number, to: number, found: number[]): void {
    for (let row = from; row < to; row++)
      if (this.#segment[row] === segment && this.isStored(row)) found.push(row);
  }

  #count(row: number, by: number): void {
    const keyspace = this.#keyspace[row];
    this.#storedCount += by;
    this.#storedBytes += by * this.#length[row];
    this.#stored[keyspace] += by;
    if (this.isInRam(row)) this.#storedInRam[keyspace] += by;
  }

  #grow(rows: number): void {
    this.#keyPlace = grown(this.#keyPlace, rows);
    this.#keyLength = grown(this.#keyLength, rows);
    this.#segment = grown(this.#segment, rows);
    this.#position = grown(this.#position, rows);
    this.#length = grown(this.#length, rows);
    this.#version = grown(this.#version, rows);
    this.#checksum = grown(this.#checksum, rows);
    this.#expiresAt = grown(this.#expiresAt, rows);
    this.#usedAt = grown(this.#usedAt, rows);
    this.#hits = grown(this.#hits, rows);
    this.#keyspace = grown(this.#keyspace, rows);
    this.#flags = grown(this.#flags, rows);
  }
}
