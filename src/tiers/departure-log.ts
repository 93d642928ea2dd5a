import { type Clock, systemClock } from "../util/clock.ts";
import { hashKey } from "./key-hash.ts";

/**
 * Why a key is gone from a tier. `dropped`: its value was sent, and there was no room for it. `demoted`:
 * it was evicted, and the tier below had it still.
 */
const departureReasons = ["evicted", "expired", "removed", "dropped", "demoted"] as const;

export type DepartureReason = (typeof departureReasons)[number];

/** The last that is known of a key that is not there. */
export interface Departure {
  readonly tier: string;
  readonly reason: DepartureReason;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Milliseconds that it had not been used. */
  readonly idleMs: number;
}

export interface DepartureLogOptions {
  /** Keys that are remembered; the oldest are forgotten first. Default 65,536, some 2 MiB. */
  readonly entries?: number;
  readonly clock?: Clock;
}

const [SEED_A, SEED_B] = [0x9e3779b9, 0x7f4a7c15];

/**
 * Remembers which keys left the store, when and why: the newest, by 64 bits of their hash. A ring of
 * typed columns; recording allocates nothing, and its memory is taken with the first departure.
 *
 * Entries are numbered from 1 in the order in which they came. Each names the one before it in its
 * bucket; a number that the ring has overwritten ends the search, so nothing is ever unlinked.
 */
export class DepartureLog {
  readonly #size: number;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #tiers: string[] = [];
  /** By keyspace: when all of it was dropped at once, or 0. */
  readonly #clearedAt = new Float64Array(256);
  #count = 0;
  #heads = new Float64Array(0);
  #before = new Float64Array(0);
  #at = new Float64Array(0);
  #hashA = new Int32Array(0);
  #hashB = new Int32Array(0);
  #idleSeconds = new Uint32Array(0);
  /** Reason in the low four bits, tier above. */
  #what = new Uint8Array(0);

  constructor(options: DepartureLogOptions = {}) {
    const { entries = 65_536, clock = systemClock } = options;
    // A power of two, so that a bucket is a mask away.
    this.#size = 2 ** Math.ceil(Math.log2(Math.max(1, entries)));
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** Every departure since then is remembered; milliseconds since 1970. */
  get since(): number {
    return this.#count <= this.#size ? this.#startedAt : this.#at[this.#place(this.#count + 1)];
  }

  /** Departures ever recorded. */
  get count(): number {
    return this.#count;
  }

  /** `key[start, end)` has left a tier. */
  record(
    key: Uint8Array,
    start: number,
    end: number,
    keyspace: number,
    tier: string,
    reason: DepartureReason,
    idleMs: number,
  ): void {
    if (this.#heads.length === 0) this.#allocate();
    const a = hashKey(key, start, end, keyspace, SEED_A);
    const number = ++this.#count;
    const place = this.#place(number);
    const bucket = a & (this.#size - 1);
    this.#before[place] = this.#heads[bucket];
    this.#heads[bucket] = number;
    this.#hashA[place] = a;
    this.#hashB[place] = hashKey(key, start, end, keyspace, SEED_B);
    this.#at[place] = this.#clock.now();
    this.#idleSeconds[place] = Math.min(idleMs / 1000, 0xffff_ffff);
    this.#what[place] = departureReasons.indexOf(reason) | (this.#tier(tier) << 4);
  }

  /** A keyspace was emptied, or all of them: not recorded key by key. */
  cleared(keyspace?: number): void {
    const now = this.#clock.now();
    if (keyspace === undefined) this.#clearedAt.fill(now);
    else this.#clearedAt[keyspace] = now;
  }

  /** When the keyspace was last emptied, or 0. */
  clearedAt(keyspace: number): number {
    return this.#clearedAt[keyspace];
  }

  /** The latest departure of `key[start, end)` that is remembered. */
  find(key: Uint8Array, start: number, end: number, keyspace: number): Departure | undefined {
    if (this.#count === 0) return undefined;
    const a = hashKey(key, start, end, keyspace, SEED_A);
    const b = hashKey(key, start, end, keyspace, SEED_B);
    const oldest = this.#count - this.#size;
    let number = this.#heads[a & (this.#size - 1)];
    while (number > 0 && number > oldest) {
      const place = this.#place(number);
      if (this.#hashA[place] === a && this.#hashB[place] === b)
        return {
          tier: this.#tiers[this.#what[place] >> 4],
          reason: departureReasons[this.#what[place] & 15],
          at: this.#at[place],
          idleMs: this.#idleSeconds[place] * 1000,
        };
      number = this.#before[place];
    }
    return undefined;
  }

  #place(number: number): number {
    return number % this.#size;
  }

  #tier(name: string): number {
    const known = this.#tiers.indexOf(name);
    return known >= 0 ? known : this.#tiers.push(name) - 1;
  }

  #allocate(): void {
    const size = this.#size;
    this.#heads = new Float64Array(size);
    this.#before = new Float64Array(size);
    this.#at = new Float64Array(size);
    this.#hashA = new Int32Array(size);
    this.#hashB = new Int32Array(size);
    this.#idleSeconds = new Uint32Array(size);
    this.#what = new Uint8Array(size);
  }
}
