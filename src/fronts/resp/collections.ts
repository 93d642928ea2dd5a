import { formatBytes } from "../../util/units.ts";

/** A list of values, or fields with values: what clients keep beside their blocks. */
export type Collection = ListValue | HashValue;

interface Common {
  key: string;
  readonly keyspace: number;
  /** Where it stands among all; stays the same for life. */
  readonly row: number;
  bytes: number;
  /** Milliseconds since 1970, or 0 for never. */
  expiresAt: number;
  usedAt: number;
  version: number;
}

export interface ListValue extends Common {
  readonly type: "list";
  items: Buffer[];
}

export interface HashValue extends Common {
  readonly type: "hash";
  readonly fields: Map<string, Buffer>;
}

/** Assumed overhead of a collection and of each of its elements, in bytes. */
const COLLECTION_BYTES = 200;
export const ELEMENT_BYTES = 100;

const ROWS_LOOKED_AT_TO_EVICT = 16;

/**
 * Lists and hashes: small things such as the per-token metric channel, in ordinary memory with a
 * limit of their own. Keys are strings of one character a byte. Over the limit, the least recently
 * used of a few is dropped, never the one just written.
 */
export class Collections {
  readonly limitBytes: number;
  readonly #rows: (Collection | undefined)[] = [];
  readonly #freeRows: number[] = [];
  readonly #byKey = new Map<string, Collection>();
  readonly #now: () => number;
  #bytes = 0;
  #version = 0;
  #evictCursor = 0;
  #sweepCursor = 0;
  evicted = 0;
  expired = 0;

  constructor(limitBytes: number, now: () => number) {
    this.limitBytes = limitBytes;
    this.#now = now;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** All rows are below this. */
  get rows(): number {
    return this.#rows.length;
  }

  find(key: string, keyspace: number): Collection | undefined {
    if (this.#byKey.size === 0) return undefined;
    const found = this.#byKey.get(mapKey(key, keyspace));
    if (found !== undefined && found.expiresAt !== 0 && found.expiresAt <= this.#now()) {
      this.remove(found);
      this.expired++;
      return undefined;
    }
    return found;
  }

  /** The collection at a row, if there is one. */
  at(row: number): Collection | undefined {
    return this.#rows[row];
  }

  countOf(keyspace: number): number {
    let count = 0;
    for (const collection of this.#byKey.values()) if (collection.keyspace === keyspace) count++;
    return count;
  }

  createList(key: string, keyspace: number): ListValue {
    return this.#add({ ...this.#common(key, keyspace), type: "list", items: [] });
  }

  createHash(key: string, keyspace: number): HashValue {
    return this.#add({ ...this.#common(key, keyspace), type: "hash", fields: new Map() });
  }

  /** Whether `bytes` more can be had for `collection`, by dropping others if need be. */
  hasRoomFor(collection: Collection | undefined, bytes: number): boolean {
    return (collection?.bytes ?? COLLECTION_BYTES) + bytes <= this.limitBytes;
  }

  get fullMessage(): string {
    return `OOM one list or hash may take ${formatBytes(this.limitBytes)} here; blocks belong in plain keys (SET)`;
  }

  /** @param at - ms since 1970, or 0 for never. */
  setExpiry(collection: Collection, at: number): void {
    collection.expiresAt = at;
    collection.version = ++this.#version;
  }

  rename(collection: Collection, key: string): void {
    this.#byKey.delete(mapKey(collection.key, collection.keyspace));
    collection.key = key;
    collection.version = ++this.#version;
    this.#byKey.set(mapKey(key, collection.keyspace), collection);
  }

  /** To be called after each change, with the change in bytes. Removes what became empty. */
  changed(collection: Collection, bytes: number): void {
    collection.bytes += bytes;
    this.#bytes += bytes;
    collection.version = ++this.#version;
    collection.usedAt = this.#now();
    const size = collection.type === "list" ? collection.items.length : collection.fields.size;
    if (size === 0) this.remove(collection);
    while (this.#bytes > this.limitBytes && this.#evictOne(collection));
  }

  remove(collection: Collection): void {
    this.#byKey.delete(mapKey(collection.key, collection.keyspace));
    this.#rows[collection.row] = undefined;
    this.#freeRows.push(collection.row);
    this.#bytes -= collection.bytes;
  }

  /** Drops everything, or all of one keyspace. */
  clear(keyspace?: number): void {
    for (const collection of this.#byKey.values())
      if (keyspace === undefined || collection.keyspace === keyspace) this.remove(collection);
  }

  /** Looks at up to `limit` rows for expired ones. */
  sweep(limit: number): void {
    const now = this.#now();
    for (let left = Math.min(limit, this.#rows.length); left > 0; left--) {
      if (this.#sweepCursor >= this.#rows.length) this.#sweepCursor = 0;
      const collection = this.#rows[this.#sweepCursor++];
      if (collection !== undefined && collection.expiresAt !== 0 && collection.expiresAt <= now) {
        this.remove(collection);
        this.expired++;
      }
    }
  }

  #common(key: string, keyspace: number): Common {
    return {
      key,
      keyspace,
      row: this.#freeRows.pop() ?? this.#rows.length,
      bytes: COLLECTION_BYTES + key.length,
      expiresAt: 0,
      usedAt: this.#now(),
      version: ++this.#version,
    };
  }

  #add<T extends Collection>(collection: T): T {
    this.#rows[collection.row] = collection;
    this.#byKey.set(mapKey(collection.key, collection.keyspace), collection);
    this.#bytes += collection.bytes;
    return collection;
  }

  #evictOne(except: Collection): boolean {
    let oldest: Collection | undefined;
    let looked = 0;
    for (let i = 0; i < this.#rows.length && looked < ROWS_LOOKED_AT_TO_EVICT; i++) {
      this.#evictCursor = (this.#evictCursor + 1) % this.#rows.length;
      const collection = this.#rows[this.#evictCursor];
      if (collection === undefined || collection === except) continue;
      looked++;
      if (oldest === undefined || collection.usedAt < oldest.usedAt) oldest = collection;
    }
    if (oldest === undefined) return false;
    this.remove(oldest);
    this.evicted++;
    return true;
  }
}

function mapKey(key: string, keyspace: number): string {
  return `${keyspace} ${key}`;
}
