import { partnerKey } from "../../store/pairs.ts";
import type { RamTier } from "../ram/ram-tier.ts";
import type { LowerTier } from "./lower-tier.ts";

/**
 * What is known of a key in RAM or the tier below, wherever it is.
 *
 * A *place* says where a key is: a RAM entry (positive), a row of the lower tier (negative), or 0.
 * It is valid until the store changes: do not keep it beyond a turn of the event loop.
 */
export class Places {
  readonly ram: RamTier;
  readonly lower: LowerTier | undefined;

  constructor(ram: RamTier, lower: LowerTier | undefined) {
    this.ram = ram;
    this.lower = lower;
  }

  /** The place of `key[start, end)`, or 0. */
  find(key: Uint8Array, start: number, end: number, keyspace: number): number {
    const entry = this.ram.find(key, start, end, keyspace);
    if (entry !== 0 || this.lower === undefined) return entry;
    return -this.lower.find(key, start, end, keyspace);
  }

  tierOf(place: number): string {
    return place > 0 ? "ram" : this.lower!.name;
  }

  /** Bytes of the value. */
  length(place: number): number {
    const { ram } = this;
    return place > 0 ? ram.slots.length(ram.entries.slot(place)) : this.lower!.length(-place);
  }

  /** Milliseconds since 1970, or 0 for never. */
  expiresAt(place: number): number {
    return place > 0 ? this.ram.entries.expiresAt(place) : this.lower!.expiresAt(-place);
  }

  setExpiry(place: number, at: number): void {
    if (place > 0) this.ram.setExpiry(place, at);
    else this.lower!.setExpiry(-place, at);
  }

  /** Whether a place still holds the key that it held before this turn's removals. */
  isPresent(place: number): boolean {
    return place > 0 ? this.ram.entries.isPresent(place) : this.lower!.isPresent(-place);
  }

  isPinned(place: number): boolean {
    if (place < 0) return this.lower!.isPinned(-place);
    if (this.ram.entries.pinned(place)) return true;
    const key = this.key(place);
    const row = this.lower?.locate(key, 0, key.length, this.keyspace(place)) ?? 0;
    return row !== 0 && this.lower!.isPinned(row);
  }

  /**
   * Pins the key wherever it is, and the other half of its pair: pinned keys do not leave the store for
   * want of room. What is pinned and stands below may still leave RAM.
   */
  setPinned(place: number, pinned: boolean): void {
    const key = this.key(place);
    const keyspace = this.keyspace(place);
    const other = partnerKey(key, 0, key.length);
    for (const each of other === undefined ? [key] : [key, other]) {
      const entry = this.ram.find(each, 0, each.length, keyspace);
      if (entry !== 0) this.ram.setPinned(entry, pinned);
      const row = this.lower?.locate(each, 0, each.length, keyspace) ?? 0;
      if (row !== 0) this.lower!.setPinned(row, pinned);
    }
  }

  hits(place: number): number {
    return place > 0 ? this.ram.entries.hits(place) : this.lower!.hits(-place);
  }

  idleMs(place: number): number {
    return place > 0 ? this.ram.idleMs(place) : this.lower!.idleMs(-place);
  }

  /** The key's bytes: a view, valid in this turn. */
  key(place: number): Buffer {
    const { ram } = this;
    return place > 0 ? ram.slots.key(ram.entries.slot(place)) : this.lower!.key(-place);
  }

  keyspace(place: number): number {
    return place > 0 ? this.ram.entries.keyspace(place) : this.lower!.keyspace(-place);
  }

  /** The key was reported present: renews it and keeps it for a moment. */
  protect(place: number): void {
    if (place > 0) this.ram.protect(place);
    else this.lower!.touch(-place);
  }

  touch(place: number): void {
    if (place > 0) this.ram.touch(place);
    else this.lower!.touch(-place);
  }

  /** Keys of one keyspace, wherever they are. */
  countOf(keyspace: number): number {
    const inRam = this.ram.countOf(keyspace);
    const { lower } = this;
    return lower === undefined
      ? inRam
      : inRam + lower.countOf(keyspace) - lower.countInRam(keyspace);
  }

  /** All keys, wherever they are. */
  get count(): number {
    let count = this.ram.entries.count;
    if (this.lower !== undefined)
      for (let keyspace = 0; keyspace < 256; keyspace++)
        count += this.lower.countOf(keyspace) - this.lower.countInRam(keyspace);
    return count;
  }
}
