import { compileGlob } from "../../util/glob.ts";
import type { Collection } from "./collections.ts";
import type { FrontState } from "./front-state.ts";

/** Cursors from here on walk the collections; below, the blocks. */
const COLLECTIONS_FROM = 2 ** 40;
const LOOKED_AT_PER_KEY_WANTED = 64;

export interface ScanFilter {
  readonly keyspace: number;
  readonly match?: Uint8Array;
  readonly type?: string;
  /** Which keys the client may see. Default: all. */
  readonly mayUseKey?: (key: Uint8Array) => boolean;
}

export interface ScanVisitor {
  block(entry: number, key: Buffer): void;
  collection(collection: Collection): void;
}

/**
 * Visits about `count` keys from `cursor` on and returns the next cursor, 0 at the end.
 *
 * The cursor is a place in the entry table. Entries keep their place for as long as their key is
 * present, so a whole walk meets every key that was present throughout, whatever is written meanwhile.
 */
export function scan(
  front: FrontState,
  cursor: number,
  count: number,
  filter: ScanFilter,
  visit: ScanVisitor,
): number {
  const matches = filter.match === undefined ? undefined : compileGlob(filter.match);
  const wanted = (key: Buffer): boolean =>
    (matches === undefined || matches(key)) && filter.mayUseKey?.(key) !== false;
  const { entries, slots } = front.ram;
  let visited = 0;
  let looked = count * LOOKED_AT_PER_KEY_WANTED;
  let at = Math.max(1, cursor);
  if (cursor < COLLECTIONS_FROM) {
    const wantsBlocks = filter.type === undefined || filter.type === "string";
    for (; wantsBlocks && at < entries.end; at++) {
      if (visited >= count || looked-- <= 0) return at;
      if (!entries.isPresent(at) || entries.keyspace(at) !== filter.keyspace) continue;
      const expiresAt = entries.expiresAt(at);
      if (expiresAt !== 0 && expiresAt <= front.now()) continue;
      const key = slots.key(entries.slot(at));
      visited++;
      if (wanted(key)) visit.block(at, key);
    }
    at = COLLECTIONS_FROM;
  }
  for (let row = at - COLLECTIONS_FROM; row < front.collections.rows; row++) {
    if (visited >= count) return row + COLLECTIONS_FROM;
    const collection = front.collections.at(row);
    if (collection === undefined || collection.keyspace !== filter.keyspace) continue;
    if (collection.expiresAt !== 0 && collection.expiresAt <= front.now()) continue;
    if (filter.type !== undefined && filter.type !== collection.type) continue;
    visited++;
    if (wanted(Buffer.from(collection.key, "latin1"))) visit.collection(collection);
  }
  return 0;
}
