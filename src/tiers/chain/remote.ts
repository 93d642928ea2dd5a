import type { BlockStore } from "../../store/contract.ts";
import type { RamTier } from "../ram/ram-tier.ts";

/** A store on another machine, as a chain uses it: a BlockStore, better one that reads in place. */
export interface RemoteStore extends BlockStore {
  /**
   * Reads blocks into memory of the caller's choice. `place` is asked for it when the length of the
   * block at `index` is known, and answers `undefined` for one that is not wanted.
   */
  getInto?(
    keys: readonly Uint8Array[],
    place: (index: number, length: number) => Uint8Array | undefined,
    options?: { readonly keyspace?: number },
  ): Promise<({ readonly bytes: number; readonly ttlMs: number | undefined } | undefined)[]>;
}

/** Deletions that go in one call. */
const DELETIONS_AT_ONCE = 256;
/** Most deletions that wait; the oldest go first. */
const MAX_WAITING_DELETIONS = 200_000;

export interface RemoteOptions {
  /** Most bytes of values that wait to be written; the oldest go first. Default 64 MiB. */
  readonly queueBytes?: number;
  /** Writes and deletions under way at a time. Default 16. */
  readonly writesAtOnce?: number;
}

/** A value that a remote store gave: a filled slot, not published. */
export interface Fetched {
  readonly slot: number;
  /** ms since 1970, or 0 for never. */
  readonly expiresAt: number;
}

interface Write {
  /** {@link idOf} the key. */
  readonly id: string;
  readonly key: Buffer;
  readonly keyspace: number;
  /** 0: the key is to be deleted. */
  readonly slot: number;
  readonly expiresAt: number;
}

/**
 * A remote store below the local tiers: written to behind the clients' backs, the last value of a key
 * only, and asked when no local tier has a key. What it can't do is a miss or a write that is dropped,
 * counted.
 */
export class Remote {
  readonly store: RemoteStore;
  readonly #ram: RamTier;
  readonly #queueBytes: number;
  readonly #writesAtOnce: number;
  /** By keyspace and key, oldest first; a key that is being written waits for its turn. */
  readonly #queue = new Map<string, Write>();
  readonly #writing = new Map<string, Write>();
  readonly #idle: (() => void)[] = [];
  #queuedBytes = 0;
  #queuedDeletions = 0;
  /** Calls under way. */
  #calls = 0;
  hits = 0;
  hitBytes = 0;
  misses = 0;
  written = 0;
  /** Writes and deletions given up because too many waited. */
  dropped = 0;
  /** Writes that the store turned down or could not do. */
  failedWrites = 0;

  constructor(ram: RamTier, store: RemoteStore, options: RemoteOptions = {}) {
    this.#ram = ram;
    this.store = store;
    this.#queueBytes = options.queueBytes ?? 64 * 1024 ** 2;
    this.#writesAtOnce = options.writesAtOnce ?? 16;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get queuedItems(): number {
    return this.#queue.size + this.#writing.size;
  }

  /** Writes the value of a RAM slot, which is held until that is done. */
  write(slot: number, keyspace: number, expiresAt: number): void {
    const { slots } = this.#ram;
    slots.retain(slot);
    this.#queuedBytes += slots.length(slot);
    this.#add({ key: Buffer.from(slots.key(slot)), keyspace, slot, expiresAt });
    if (this.#queuedBytes > this.#queueBytes)
      this.#dropOldest(
        ({ slot: other }) => other !== 0,
        () => this.#queuedBytes <= this.#queueBytes,
      );
  }

  delete(key: Uint8Array, keyspace: number): void {
    this.#add({ key: Buffer.from(key), keyspace, slot: 0, expiresAt: 0 });
    if (this.#queuedDeletions > MAX_WAITING_DELETIONS)
      this.#dropOldest(
        ({ slot }) => slot === 0,
        () => this.#queuedDeletions <= MAX_WAITING_DELETIONS,
      );
  }

  /** Values of the keys in new slots, at the index of their key. Never rejects. */
  async read(keys: readonly Buffer[], keyspace: number): Promise<(Fetched | undefined)[]> {
    const writes = this.#writesOf(keys, keyspace);
    const asked = keys.filter((_, index) => writes[index] === undefined);
    const read = asked.length === 0 ? [] : await this.#ask(asked, keyspace);
    return writes.map((write) => {
      const fetched = write === undefined ? read.shift() : this.#copyOf(write);
      if (fetched === undefined) this.misses++;
      else {
        this.hits++;
        this.hitBytes += this.#ram.slots.length(fetched.slot);
      }
      return fetched;
    });
  }

  /** Which of the keys the store has. Never rejects. */
  async has(keys: readonly Buffer[], keyspace: number): Promise<boolean[]> {
    const writes = this.#writesOf(keys, keyspace);
    const present = await this.store.has(keys, { keyspace }).catch(() => keys.map(() => false));
    return writes.map((write, index) => (write === undefined ? present[index] : write.slot !== 0));
  }

  /** Of each key, what is still to be written: newer than what the store has. */
  #writesOf(keys: readonly Buffer[], keyspace: number): (Write | undefined)[] {
    if (this.queuedItems === 0) return keys.map(() => undefined);
    return keys.map((key) => {
      const id = idOf(key, keyspace);
      return this.#queue.get(id) ?? this.#writing.get(id);
    });
  }

  #copyOf({ slot, key, expiresAt }: Write): Fetched | undefined {
    const { slots } = this.#ram;
    const copy = slot === 0 ? 0 : this.#ram.reserve(slots.length(slot), key.length);
    if (copy <= 0) return undefined;
    slots.value(slot).copy(slots.value(copy));
    return { slot: copy, expiresAt };
  }

  async #ask(keys: readonly Buffer[], keyspace: number): Promise<(Fetched | undefined)[]> {
    const slots = keys.map(() => 0);
    const found = await this.#readInto(keys, keyspace, slots).catch(() => []);
    return keys.map((_, index) => {
      const slot = slots[index];
      const block = found[index];
      if (block === undefined || slot === 0) {
        if (slot !== 0) this.#ram.cancel(slot);
        return undefined;
      }
      const { ttlMs } = block;
      return { slot, expiresAt: ttlMs === undefined ? 0 : this.#ram.now() + ttlMs };
    });
  }

  /** Resolves when nothing waits to be written any more. */
  settled(): Promise<void> {
    if (this.queuedItems === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #readInto(
    keys: readonly Buffer[],
    keyspace: number,
    slots: number[],
  ): Promise<({ readonly bytes: number; readonly ttlMs: number | undefined } | undefined)[]> {
    const place = (index: number, length: number): Buffer | undefined => {
      const ram = this.#ram;
      if (slots[index] !== 0) {
        if (ram.slots.length(slots[index]) === length) return ram.slots.value(slots[index]);
        ram.cancel(slots[index]);
      }
      slots[index] = Math.max(0, ram.reserve(length, keys[index].length));
      return slots[index] === 0 ? undefined : ram.slots.value(slots[index]);
    };
    if (this.store.getInto !== undefined) return this.store.getInto(keys, place, { keyspace });
    const blocks = await this.store.get(keys, { keyspace });
    return blocks.map((block, index) => {
      if (block === undefined) return undefined;
      const memory = place(index, block.bytes.length);
      memory?.set(block.bytes);
      const { ttlMs } = block;
      const bytes = block.bytes.length;
      block.release();
      return memory === undefined ? undefined : { bytes, ttlMs };
    });
  }

  #add(fields: Omit<Write, "id">): void {
    const id = idOf(fields.key, fields.keyspace);
    const before = this.#queue.get(id);
    if (before !== undefined) {
      this.#take(before);
      this.#release(before);
    }
    this.#queue.set(id, { id, ...fields });
    if (fields.slot === 0) this.#queuedDeletions++;
    this.#pump();
  }

  #dropOldest(isMeant: (write: Write) => boolean, isEnough: () => boolean): void {
    for (const oldest of this.#queue.values()) {
      if (isEnough()) return;
      if (!isMeant(oldest)) continue;
      this.dropped++;
      this.#take(oldest);
      this.#release(oldest);
    }
  }

  #pump(): void {
    while (this.#calls < this.#writesAtOnce) {
      const batch = this.#nextBatch();
      if (batch.length === 0) return;
      void this.#run(batch);
    }
  }

  /** A value whose key is not being written, or the deletions that wait. */
  #nextBatch(): Write[] {
    const batch: Write[] = [];
    for (const write of this.#queue.values()) {
      if (this.#writing.has(write.id)) continue;
      const [first] = batch;
      if (first !== undefined && (write.slot !== 0 || write.keyspace !== first.keyspace)) break;
      this.#take(write);
      this.#writing.set(write.id, write);
      batch.push(write);
      if (write.slot !== 0 || batch.length === DELETIONS_AT_ONCE) break;
    }
    return batch;
  }

  async #run(batch: readonly Write[]): Promise<void> {
    this.#calls++;
    const [{ slot }] = batch;
    const done = await (slot === 0 ? this.#delete(batch) : this.#put(batch[0])).catch(() => false);
    if (slot !== 0 && done) this.written++;
    else if (!done) this.failedWrites++;
    for (const write of batch) {
      this.#release(write);
      this.#writing.delete(write.id);
    }
    this.#calls--;
    this.#pump();
    if (this.queuedItems === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #delete(batch: readonly Write[]): Promise<boolean> {
    const keys = batch.map(({ key }) => key);
    await this.store.delete(keys, { keyspace: batch[0].keyspace });
    return true;
  }

  async #put({ key, keyspace, slot, expiresAt }: Write): Promise<boolean> {
    const value = this.#ram.slots.value(slot);
    const ttlMs = expiresAt - this.#ram.now();
    if (expiresAt !== 0 && ttlMs <= 0) {
      // What it has of the key may have more time, or all.
      await this.store.delete([key], { keyspace });
      return true;
    }
    const entry = expiresAt === 0 ? { key, value } : { key, value, ttlMs };
    const [outcome] = await this.store.put([entry], { keyspace });
    return outcome.status !== "rejected";
  }

  #take(write: Write): void {
    this.#queue.delete(write.id);
    if (write.slot === 0) this.#queuedDeletions--;
  }

  #release({ slot }: Write): void {
    if (slot === 0) return;
    this.#queuedBytes -= this.#ram.slots.length(slot);
    this.#ram.slots.release(slot);
  }
}

function idOf(key: Buffer, keyspace: number): string {
  return `${keyspace} ${key.toString("latin1")}`;
}
