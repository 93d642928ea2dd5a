import type {
  LowerTier,
  LowerTierStats,
  SettledOutcome,
} from "../../src/tiers/chain/lower-tier.ts";
import { NO_ROOM, type RamTier, TOO_LARGE } from "../../src/tiers/ram/ram-tier.ts";
import { partnerKey } from "../../src/store/pairs.ts";

interface Row {
  readonly key: Buffer;
  readonly keyspace: number;
  value: Buffer;
  expiresAt: number;
  pinned: boolean;
  inRam: boolean;
  hits: number;
  version: number;
  /** The value is still being written. */
  writing: boolean;
}

export interface FakeLowerTierOptions {
  /** Reads wait for {@link FakeLowerTier.finishReads}. Default false: they take a moment. */
  readonly holdReads?: boolean;
  /** Writes wait for {@link FakeLowerTier.finishWrites}. Default false: they are done at once. */
  readonly holdWrites?: boolean;
  /** {@link FakeLowerTier.settled} waits for {@link FakeLowerTier.settle}. Default false. */
  readonly holdSettling?: boolean;
  readonly now?: () => number;
}

/** A tier below RAM that does what the test says, when the test says it. */
export class FakeLowerTier implements LowerTier {
  readonly name = "fake";
  onRoom: (() => void) | undefined;
  holdReads: boolean;
  holdWrites: boolean;
  holdSettling: boolean;
  full = false;
  /** Every read from now on fails. */
  broken = false;
  misses = 0;
  touched = 0;
  readonly #rows: (Row | undefined)[] = [undefined];
  readonly #byName = new Map<string, number>();
  readonly #reads: (() => void)[] = [];
  readonly #writes: (() => void)[] = [];
  readonly #settling: ((outcome: SettledOutcome) => void)[] = [];
  readonly #now: () => number;
  #version = 0;
  #readsBegun = 0;
  #stored = 0;

  constructor(options: FakeLowerTierOptions = {}) {
    this.holdReads = options.holdReads ?? false;
    this.holdWrites = options.holdWrites ?? false;
    this.holdSettling = options.holdSettling ?? false;
    this.#now = options.now ?? Date.now;
  }

  // What tests do

  /** Puts a value where only reading brings it up. */
  put(key: string, value: Uint8Array | string, keyspace = 0, expiresAt = 0): void {
    this.#set(Buffer.from(key), keyspace, expiresAt, Buffer.from(value), false);
  }

  has(key: string, keyspace = 0): boolean {
    return this.#byName.has(nameOf(Buffer.from(key), keyspace));
  }

  value(key: string, keyspace = 0): Buffer | undefined {
    const row = this.#byName.get(nameOf(Buffer.from(key), keyspace));
    return row === undefined ? undefined : this.#rows[row]!.value;
  }

  get readsBegun(): number {
    return this.#readsBegun;
  }

  get readsWaiting(): number {
    return this.#reads.length;
  }

  get settlingWaiting(): number {
    return this.#settling.length;
  }

  /** Lets reads that wait come to their end, oldest first. */
  finishReads(count: number = this.#reads.length): void {
    for (const finish of this.#reads.splice(0, count)) finish();
  }

  finishWrites(count: number = this.#writes.length): void {
    for (const finish of this.#writes.splice(0, count)) finish();
  }

  settle(outcome: SettledOutcome): void {
    for (const resolve of this.#settling.splice(0)) resolve(outcome);
  }

  makeRoom(): void {
    this.full = false;
    this.onRoom?.();
  }

  // LowerTier

  get end(): number {
    return this.#rows.length;
  }

  get count(): number {
    return this.#readable().length;
  }

  countOf(keyspace: number): number {
    return this.#readable().filter((row) => row.keyspace === keyspace).length;
  }

  countInRam(keyspace: number): number {
    return this.#readable().filter((row) => row.keyspace === keyspace && row.inRam).length;
  }

  find(key: Uint8Array, start: number, end: number, keyspace: number): number {
    const row = this.locate(key, start, end, keyspace);
    if (row === 0) return 0;
    const { writing, expiresAt } = this.#rows[row]!;
    if (writing) return 0;
    if (expiresAt === 0 || expiresAt > this.#now()) return row;
    this.remove(row);
    return 0;
  }

  locate(key: Uint8Array, start: number, end: number, keyspace: number): number {
    return this.#byName.get(nameOf(key.subarray(start, end), keyspace)) ?? 0;
  }

  isPresent(row: number): boolean {
    return this.#rows[row] !== undefined;
  }

  keyspace(row: number): number {
    return this.#rows[row]!.keyspace;
  }

  key(row: number): Buffer {
    return this.#rows[row]!.key;
  }

  length(row: number): number {
    return this.#rows[row]!.value.length;
  }

  expiresAt(row: number): number {
    return this.#rows[row]!.expiresAt;
  }

  setExpiry(row: number, at: number): void {
    this.#rows[row]!.expiresAt = at;
  }

  isPinned(row: number): boolean {
    return this.#rows[row]!.pinned;
  }

  setPinned(row: number, pinned: boolean): void {
    this.#rows[row]!.pinned = pinned;
  }

  version(row: number): number {
    return this.#rows[row]!.version;
  }

  hits(row: number): number {
    return this.#rows[row]!.hits;
  }

  idleMs(): number {
    return 0;
  }

  touch(): void {
    this.touched++;
  }

  isInRam(row: number): boolean {
    return this.#rows[row]!.inRam;
  }

  setInRam(row: number, inRam: boolean): void {
    this.#rows[row]!.inRam = inRam;
  }

  remove(row: number): void {
    const { key, keyspace } = this.#rows[row]!;
    this.#drop(row);
    const other = partnerKey(key, 0, key.length);
    const partner = other === undefined ? 0 : this.locate(other, 0, other.length, keyspace);
    if (partner !== 0) this.#drop(partner);
  }

  clear(keyspace?: number): void {
    for (const [row, each] of this.#rows.entries())
      if (each !== undefined && (keyspace === undefined || each.keyspace === keyspace))
        this.#drop(row);
  }

  write(ram: RamTier, slot: number, keyspace: number, expiresAt: number): void {
    const key = Buffer.from(ram.slots.key(slot));
    if (this.full) {
      const row = this.locate(key, 0, key.length, keyspace);
      if (row !== 0) this.#drop(row);
      return;
    }
    const value = Buffer.from(ram.slots.value(slot));
    const row = this.#set(key, keyspace, expiresAt, value, true);
    ram.slots.retain(slot);
    const { version } = row;
    row.writing = true;
    const done = (): void => {
      ram.slots.release(slot);
      if (row.version === version) row.writing = false;
      this.#stored++;
    };
    if (this.holdWrites) this.#writes.push(done);
    else done();
  }

  isFull(): boolean {
    return this.full;
  }

  async read(row: number, ram: RamTier): Promise<number> {
    this.#readsBegun++;
    const { value, key } = this.#rows[row]!;
    const slot = ram.reserve(value.length, key.length);
    if (slot === TOO_LARGE || slot === NO_ROOM) return 0;
    if (this.holdReads) await new Promise<void>((resolve) => this.#reads.push(resolve));
    if (this.broken) {
      ram.cancel(slot);
      return 0;
    }
    ram.slots.value(slot).set(value);
    const now = this.#rows[row];
    if (now !== undefined) now.hits++;
    return slot;
  }

  async settled(): Promise<SettledOutcome> {
    if (!this.holdSettling) return "durable";
    return new Promise((resolve) => this.#settling.push(resolve));
  }

  countMiss(): void {
    this.misses++;
  }

  stats(): LowerTierStats {
    return {
      name: this.name,
      capacityBytes: Infinity,
      usedBytes: 0,
      valueBytes: this.#readable().reduce((sum, { value }) => sum + value.length, 0),
      blocks: this.count,
      hits: this.#readsBegun,
      misses: this.misses,
      hitBytes: 0,
      stored: this.#stored,
      storedBytes: 0,
      evicted: 0,
      evictedBytes: 0,
      expired: 0,
      rejected: 0,
      color: "blue",
    };
  }

  #readable(): Row[] {
    return this.#rows.filter((row) => row !== undefined && !row.writing) as Row[];
  }

  #set(key: Buffer, keyspace: number, expiresAt: number, value: Buffer, inRam: boolean): Row {
    const name = nameOf(key, keyspace);
    let row = this.#byName.get(name);
    if (row === undefined) {
      const free = this.#rows.indexOf(undefined, 1);
      row = free < 0 ? this.#rows.length : free;
      this.#byName.set(name, row);
      const fresh = { pinned: false, hits: 0, version: 0, writing: false };
      this.#rows[row] = { key, keyspace, value, expiresAt, inRam, ...fresh };
    }
    return Object.assign(this.#rows[row]!, { value, expiresAt, inRam, version: ++this.#version });
  }

  #drop(row: number): void {
    const { key, keyspace } = this.#rows[row]!;
    this.#byName.delete(nameOf(key, keyspace));
    this.#rows[row] = undefined;
  }
}

function nameOf(key: Uint8Array, keyspace: number): string {
  return `${keyspace} ${Buffer.from(key).toString("latin1")}`;
}
