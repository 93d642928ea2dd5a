import type { StoreStats } from "../../store/contract.ts";
import type { DepartureLog } from "../departure-log.ts";
import type { RamTier } from "../ram/ram-tier.ts";

/**
 * What a {@link TierChain} needs of the tier below RAM. Whether a key is there is known at once;
 * only reading and writing values takes time. Rows are numbers from 1 that stay the same as long as
 * their key is present.
 */
export interface LowerTier {
  readonly name: string;
  /** All rows have numbers below this. */
  readonly end: number;
  /** Whether it does not know yet all that it has. */
  readonly isLearning?: boolean;
  /** Rows that can be read. */
  readonly count: number;
  countOf(keyspace: number): number;
  /** The row of `key[start, end)` that can be read, or 0. One that has expired is dropped on the way. */
  find(key: Uint8Array, start: number, end: number, keyspace: number): number;
  /** The same, but also a row whose value is still being written. */
  locate(key: Uint8Array, start: number, end: number, keyspace: number): number;
  isPresent(row: number): boolean;
  keyspace(row: number): number;
  /** The key's bytes: a view, valid in this turn. */
  key(row: number): Buffer;
  /** Bytes of the value. */
  length(row: number): number;
  /** Milliseconds since 1970, or 0 for never. */
  expiresAt(row: number): number;
  setExpiry(row: number, at: number): void;
  isPinned(row: number): boolean;
  setPinned(row: number, pinned: boolean): void;
  /** Grows whenever the row gets another value, of the same key or, when it is used again, of another. */
  version(row: number): number;
  hits(row: number): number;
  idleMs(row: number): number;
  /** The row was used: it is worth keeping. */
  touch(row: number): void;
  /** Whether RAM has the same value. */
  isInRam(row: number): boolean;
  setInRam(row: number, inRam: boolean): void;
  /** Of the rows that {@link countOf} counts, those that RAM has too. */
  countInRam(keyspace: number): number;
  /** Drops the row and the other half of its pair, now and after a restart. */
  remove(row: number): void;
  /**
   * Drops what it has under a key, and what it may find there later because it is still learning what it
   * has. A tier that knows everything at once can do without: then {@link remove} is enough.
   */
  forget?(key: Uint8Array, keyspace: number): void;
  /** Drops everything, or all of one keyspace. */
  clear(keyspace?: number): void;
  /**
   * Begins to keep the value of a RAM slot, in place of what the key had. Holds the slot until that
   * is done. What can't be kept is counted and the key is absent here.
   */
  write(ram: RamTier, slot: number, keyspace: number, expiresAt: number): void;
  /** Whether {@link write} would have to turn down a value of this length for now. */
  isFull(valueLength: number): boolean;
  /** Reads the value into a new RAM slot, not published. 0 when that fails for any reason. */
  read(row: number, ram: RamTier): Promise<number>;
  /** Resolves when everything given to it so far is as durable as the settings promise. */
  settled(): Promise<SettledOutcome>;
  /** A client asked for a key that is neither in RAM nor here: counts a miss. */
  countMiss(): void;
  /** Its figures. A hit is a value that was read whole, asked for or ahead of that. */
  stats(): LowerTierStats;
  /** Called by the tier when {@link isFull} may have become false. Set by the chain. */
  onRoom: (() => void) | undefined;
  /** Remembers what leaves this tier by itself. Default: nothing is remembered. */
  departures?: DepartureLog | undefined;
  /** Whether RAM has the key's value and it was read there. Set by the chain. */
  isUsedAbove?: ((key: Uint8Array, keyspace: number) => boolean) | undefined;
}

/** What every store counts, and whatever else this one does. */
export type LowerTierStats = StoreStats & Readonly<Record<string, unknown>>;

/** What became of the writes: `"lost"` when one of them could not be made durable. */
export type SettledOutcome = "durable" | "lost";
