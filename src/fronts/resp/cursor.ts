import { compileGlob } from "../../util/glob.ts";
import type { Collection } from "./collections.ts";
import type { FrontState } from "./front-state.ts";

const LOOKED_AT_PER_KEY_WANTED = 64;

/** The walk's parts, in this order. */
const part = {
  /** All entries in RAM. */
  ram: 0,
  /** What is below RAM and was not met there. */
  below: 1,
  /** Entries in RAM that changed since the walk began, and so may have been behind it. */
  changed: 2,
  /** Lists and hashes. */
  collections: 3,
} as const;

const POSITION_BITS = 30n;
const PART_BITS = 2n;
const VERSION_MASK = 0x7fffffff;

/**
 * How far a walk is. As a number it has the position in its lowest 30 bits, the part in two more, and
 * above them 31 bits of the entry table's version when the walk began; 0 is the beginning and the end.
 */
export interface Cursor {
  readonly part: number;
  readonly position: number;
  readonly since: number;
}

export const START: Cursor = { part: part.ram, position: 0, since: 0 };

export function formatCursor({ part: number, position, since }: Cursor): string {
  const high = (BigInt(since) << PART_BITS) | BigInt(number);
  return String((high << POSITION_BITS) | BigInt(position));
}

/** `undefined` when it is none. */
export function parseCursor(text: string): Cursor | undefined {
  if (!/^(0|[1-9]\d{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return {
    position: Number(BigInt.asUintN(Number(POSITION_BITS), value)),
    part: Number(BigInt.asUintN(Number(PART_BITS), value >> POSITION_BITS)),
    since: Number(value >> (POSITION_BITS + PART_BITS)) & VERSION_MASK,
  };
}

/** Somewhere among the blocks. */
export function randomCursor({ tiers, ram }: FrontState): Cursor {
  const end = ram.entries.end + (tiers.lower?.end ?? 0);
  const position = 1 + Math.floor(Math.random() * end);
  return position < ram.entries.end
    ? { part: part.ram, position, since: 0 }
    : { part: part.below, position: position - ram.entries.end, since: 0 };
}

export interface ScanFilter {
  readonly keyspace: number;
  readonly match?: Uint8Array;
  readonly type?: string;
  /** Which keys the client may see. Default: all. */
  readonly mayUseKey?: (key: Uint8Array) => boolean;
}

/** What a walk goes over. */
export type ScanSource = Pick<FrontState, "tiers" | "ram" | "collections" | "now">;

export interface ScanVisitor {
  /** `place` is one of the chain of tiers. */
  block(place: number, key: Buffer): void;
  collection(collection: Collection): void;
}

/**
 * Visits about `count` keys from `cursor` on and returns the next cursor, {@link START} at the end.
 *
 * Entries and rows keep their place for as long as their key is there, so a walk meets every key that
 * was present throughout, whatever is written meanwhile. What is in both tiers is met in RAM; only what
 * came up or was written during the walk, perhaps to a place behind it, is visited again.
 */
export function scan(
  front: ScanSource,
  cursor: Cursor,
  count: number,
  filter: ScanFilter,
  visit: ScanVisitor,
): Cursor {
  return new Walk(front, cursor, count, filter, visit).run();
}

class Walk {
  readonly #front: ScanSource;
  readonly #filter: ScanFilter;
  readonly #visit: ScanVisitor;
  readonly #matches: ((key: Uint8Array) => boolean) | undefined;
  readonly #since: number;
  #part: number;
  #position: number;
  #left: number;
  #looksLeft: number;

  constructor(
    front: ScanSource,
    cursor: Cursor,
    count: number,
    filter: ScanFilter,
    visit: ScanVisitor,
  ) {
    this.#front = front;
    this.#filter = filter;
    this.#visit = visit;
    this.#matches = filter.match === undefined ? undefined : compileGlob(filter.match);
    const begins = cursor.part === part.ram && cursor.position === 0;
    this.#since =
      begins && front.tiers.lower !== undefined
        ? front.ram.entries.lastVersion & VERSION_MASK
        : cursor.since;
    this.#part = cursor.part;
    this.#position = Math.max(cursor.position, cursor.part === part.collections ? 0 : 1);
    this.#left = count;
    this.#looksLeft = count * LOOKED_AT_PER_KEY_WANTED;
  }

  run(): Cursor {
    const { lower } = this.#front.tiers;
    const { type } = this.#filter;
    // Not a cursor of ours: it would have no version without a tier below.
    if (lower === undefined && this.#since !== 0) return START;
    const wantsBlocks = type === undefined || type === "string";
    for (; this.#part <= part.collections; this.#part++) {
      const isWanted = this.#part === part.collections || wantsBlocks;
      const isThere =
        lower !== undefined || this.#part === part.ram || this.#part === part.collections;
      for (; isWanted && isThere && this.#position < this.#end(); this.#position++) {
        if (this.#left <= 0 || this.#looksLeft-- <= 0)
          return { part: this.#part, position: this.#position, since: this.#since };
        this.#look(this.#position);
      }
      this.#position = this.#part + 1 === part.collections ? 0 : 1;
    }
    return START;
  }

  #end(): number {
    const { ram, tiers, collections } = this.#front;
    if (this.#part === part.collections) return collections.rows;
    return this.#part === part.below ? tiers.lower!.end : ram.entries.end;
  }

  #look(position: number): void {
    if (this.#part === part.collections) this.#lookAtCollection(position);
    else if (this.#part === part.below) this.#lookAtRow(position);
    else this.#lookAtEntry(position);
  }

  #lookAtEntry(entry: number): void {
    const { entries } = this.#front.ram;
    if (!entries.isPresent(entry)) return;
    if (this.#part === part.changed && !this.#hasChanged(entry)) return;
    this.#visitBlock(entry);
  }

  #lookAtRow(row: number): void {
    const { tiers, ram } = this.#front;
    const lower = tiers.lower!;
    if (!lower.isPresent(row)) return;
    if (lower.isInRam(row)) {
      const key = lower.key(row);
      const entry = ram.find(key, 0, key.length, lower.keyspace(row));
      if (entry !== 0 && !this.#hasChanged(entry)) return;
    }
    this.#visitBlock(-row);
  }

  /** Whether the entry is younger than the walk, or was changed since it began. */
  #hasChanged(entry: number): boolean {
    const ahead = (this.#front.ram.entries.version(entry) - this.#since) & VERSION_MASK;
    return ahead > 0 && ahead <= VERSION_MASK >>> 1;
  }

  #visitBlock(place: number): void {
    const { tiers } = this.#front;
    if (tiers.keyspace(place) !== this.#filter.keyspace) return;
    const expiresAt = tiers.expiresAt(place);
    if (expiresAt !== 0 && expiresAt <= this.#front.now()) return;
    const key = tiers.key(place);
    this.#left--;
    if (this.#isWanted(key)) this.#visit.block(place, key);
  }

  #lookAtCollection(row: number): void {
    const front = this.#front;
    const filter = this.#filter;
    const collection = front.collections.at(row);
    if (collection === undefined || collection.keyspace !== filter.keyspace) return;
    if (collection.expiresAt !== 0 && collection.expiresAt <= front.now()) return;
    if (filter.type !== undefined && filter.type !== collection.type) return;
    this.#left--;
    if (this.#isWanted(Buffer.from(collection.key, "latin1"))) this.#visit.collection(collection);
  }

  #isWanted(key: Uint8Array): boolean {
    return this.#matches?.(key) !== false && this.#filter.mayUseKey?.(key) !== false;
  }
}
