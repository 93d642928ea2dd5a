/**
 * Decides what leaves when room is needed. A pure data structure over entry numbers (from 1, dense,
 * reused): no clock, no bytes, no IO.
 */
export interface EvictionPolicy {
  readonly name: PolicyName;
  /** Entries it knows. */
  readonly size: number;
  /** A new entry. `hash` names its key across evictions; `weight` is what it costs, in bytes. */
  insert(entry: number, hash: number, weight: number): void;
  /** The entry was used. */
  touch(entry: number): void;
  /** The entry left for another reason than eviction. */
  remove(entry: number): void;
  /**
   * Takes out and returns the entry to evict, or 0 when `keep` holds for all of them. Entries that
   * are kept count as used.
   */
  evict(keep: (entry: number) => boolean): number;
  /** All entries, next victim first, as far as the policy can tell without further uses. */
  order(): Iterable<number>;
}

export const policyNames = ["lru", "s3fifo"] as const;

export type PolicyName = (typeof policyNames)[number];
