import { KeepwarmError } from "../../errors.ts";
import { isPairKey, partnerKey } from "../../store/pairs.ts";
import { type EvictionPolicy, type PolicyName, createPolicy } from "../../store/policies/index.ts";
import { type Clock, systemClock } from "../../util/clock.ts";
import { formatBytes } from "../../util/units.ts";
import type { DepartureLog } from "../departure-log.ts";
import { Arena } from "./arena.ts";
import { ENTRY_ROW_BYTES, EntryTable, TICK_MS } from "./entry-table.ts";
import { RamCounters } from "./ram-counters.ts";
import { SLOT_ROW_BYTES, SlotTable } from "./slot-table.ts";

export interface RamTierOptions {
  /** All the tier may take, index and rounding included, in bytes. At least 1 MiB. */
  readonly capacityBytes: number;
  /** Most entries. Default 0: as many as fit. */
  readonly maxBlocks?: number;
  /** Default `"lru"`. */
  readonly policy?: PolicyName;
  /** How long a key just reported present is safe from eviction, in ms. Default 2000. */
  readonly graceMs?: number;
  readonly clock?: Clock;
  /** Seed of the key hash. Default: random. */
  readonly seed?: number;
}

/** Who is told what happens to entries: the chain that keeps copies of them elsewhere. */
export interface RamObserver {
  /** The entry has a new value. */
  published(entry: number): void;
  /** The entry was read. */
  wasRead(entry: number): void;
  /** The entry is about to go; it can still be looked at. */
  forgotten(entry: number, why: ForgetReason): void;
  /** The expiry of an entry was changed after it was published. */
  expiryChanged(entry: number): void;
  /** Whether the entry's value can be read elsewhere as well: then it may leave RAM although it is pinned. */
  isKept(entry: number): boolean;
}

export type ForgetReason = "evicted" | "expired" | "removed";

/** Why {@link RamTier.reserve} gave no slot: never in this tier, or not now. */
export const TOO_LARGE = 0;
export const NO_ROOM = -1;

/** Room in a landing slot for what comes before the value: the other arguments and their headers. */
const LANDING_PREFIX = 512;

const MIN_CAPACITY_BYTES = 1024 ** 2;

/**
 * Blocks in memory: the synchronous heart that fronts use directly. Keys are byte ranges, entries and
 * slots are numbers, and no call allocates. {@link RamStore} is the same tier as a BlockStore.
 *
 * A value is stored in two steps, so that a socket can read it into its final place:
 * {@link reserve} a slot, fill its value, {@link publish} it (or {@link cancel}). Slots in filling
 * count against the capacity and take at most half of it.
 */
export class RamTier {
  readonly slots: SlotTable;
  readonly entries: EntryTable;
  readonly counters: RamCounters = new RamCounters();
  /** How long a key just reported present is safe from eviction, in ms. */
  graceMs: number;
  observer: RamObserver | undefined;
  /** Remembers which keys left, for those who ask why. Default: nothing is remembered. */
  departures: DepartureLog | undefined;
  readonly #arena: Arena;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #countByKeyspace = new Int32Array(256);
  #policy: EvictionPolicy;
  #capacityBytes: number;
  #maxBlocks: number;
  #fillingBytes = 0;
  #valueBytes = 0;
  #pinned = 0;
  #expiring = 0;
  #sweepCursor = 1;
  readonly #keep: (entry: number) => boolean;
  readonly #keepEntry: (entry: number) => boolean;

  constructor(options: RamTierOptions) {
    if (!(options.capacityBytes >= MIN_CAPACITY_BYTES))
      throw new KeepwarmError(
        "CONFIG_INVALID",
        `a RAM tier of ${formatBytes(options.capacityBytes)} is too small`,
        { remedy: `Give it at least ${formatBytes(MIN_CAPACITY_BYTES)}.` },
      );
    this.#clock = options.clock ?? systemClock;
    this.#startedAt = this.#clock.now();
    this.#arena = new Arena(options.capacityBytes);
    this.slots = new SlotTable(this.#arena);
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
    this.entries = new EntryTable(this.slots, seed);
    this.#policy = createPolicy(options.policy ?? "lru");
    this.#capacityBytes = options.capacityBytes;
    this.#maxBlocks = options.maxBlocks ?? 0;
    this.graceMs = options.graceMs ?? 2000;
    this.#keep = (entry) => this.#mustStay(entry);
    this.#keepEntry = (entry) => this.#isSafe(entry);
  }

  get policy(): PolicyName {
    return this.#policy.name;
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  /** The most that {@link setCapacity} takes: what the tier was made with. */
  get arenaBytes(): number {
    return this.#arena.capacityBytes;
  }

  get maxBlocks(): number {
    return this.#maxBlocks;
  }

  /** Bytes taken now: memory handed out, slots in filling included, and the index. */
  get usedBytes(): number {
    return (
      this.#arena.usedBytes +
      this.slots.count * SLOT_ROW_BYTES +
      this.entries.count * ENTRY_ROW_BYTES
    );
  }

  /** Bytes of the values themselves. */
  get valueBytes(): number {
    return this.#valueBytes;
  }

  /** Bytes of slots reserved and not yet published. */
  get fillingBytes(): number {
    return this.#fillingBytes;
  }

  get pinned(): number {
    return this.#pinned;
  }

  /** Entries that have an expiry. */
  get expiring(): number {
    return this.#expiring;
  }

  /** The largest value that {@link reserve} can ever give a slot for. */
  get maxValueBytes(): number {
    return Math.min(this.#arena.largestRunBytes, Math.floor(this.#capacityBytes / 2)) - 4096;
  }

  /** Entries of one keyspace. */
  countOf(keyspace: number): number {
    return this.#countByKeyspace[keyspace];
  }

  now(): number {
    return this.#clock.now();
  }

  /** The entry of `key[start, end)`, or 0. One that has expired is dropped on the way. */
  find(key: Uint8Array, start: number, end: number, keyspace: number): number {
    const hash = this.entries.hashOf(key, start, end, keyspace);
    const entry = this.entries.find(key, start, end, keyspace, hash);
    if (entry !== 0 && this.#expiring > 0 && this.#hasExpired(entry)) {
      this.#expire(entry);
      return 0;
    }
    return entry;
  }

  /** The entry was read: counts a hit, renews it, and ends its protection. */
  read(entry: number): void {
    const slot = this.entries.slot(entry);
    this.counters.hits++;
    this.counters.hitBytes += this.slots.length(slot);
    this.entries.addHit(entry);
    this.entries.setProtectedUntil(entry, 0);
    this.touch(entry);
    this.observer?.wasRead(entry);
  }

  /** The entry was reported present: renews it and keeps it from eviction for the grace time. */
  protect(entry: number): void {
    const until = this.#tick() + Math.ceil(this.graceMs / TICK_MS);
    this.entries.setProtectedUntil(entry, until);
    const partner = this.entries.partner(entry);
    if (partner !== 0) this.entries.setProtectedUntil(partner, until);
    this.touch(entry);
  }

  /** Renews the entry and the other half of its pair. */
  touch(entry: number): void {
    const partner = this.entries.partner(entry);
    if (partner !== 0) this.#policy.touch(partner);
    this.#policy.touch(entry);
    this.entries.setUsedAt(entry, this.#tick());
  }

  /** Milliseconds since the entry was last used. */
  idleMs(entry: number): number {
    return Math.max(0, (this.#tick() - this.entries.usedAt(entry)) * TICK_MS);
  }

  /** A slot for a value to be filled in, or {@link TOO_LARGE}, or {@link NO_ROOM} for now. */
  reserve(valueLength: number, keyLength: number): number {
    if (valueLength > this.maxValueBytes) return TOO_LARGE;
    const bytes = SlotTable.bytesFor(valueLength, keyLength);
    if (this.#fillingBytes > 0 && this.#fillingBytes + bytes > this.#capacityBytes / 2)
      return NO_ROOM;
    for (;;) {
      const slot = this.slots.allocate(valueLength, keyLength);
      if (slot !== 0) {
        if (this.usedBytes <= this.#capacityBytes) {
          this.#fillingBytes += this.slots.bytes(slot);
          return slot;
        }
        this.slots.release(slot);
      }
      if (!this.#evictOne()) return NO_ROOM;
    }
  }

  /**
   * A slot that a whole request can be read into, for a value expected to have this length; see
   * {@link SlotTable.memory} and {@link SlotTable.place}. 0 when there is no room to spare.
   */
  reserveLanding(valueLength: number, keyLength: number): number {
    return Math.max(0, this.reserve(valueLength + LANDING_PREFIX, keyLength));
  }

  /** Gives a reserved slot back unused. */
  cancel(slot: number): void {
    this.#fillingBytes -= this.slots.bytes(slot);
    this.slots.release(slot);
  }

  /**
   * Makes a filled slot the value of `key[start, end)`; the key's length must be the one reserved.
   * @param expiresAt - ms since 1970, or 0 for never.
   * @returns the entry, or 0 when all others must stay and `maxBlocks` is reached.
   */
  publish(
    slot: number,
    key: Uint8Array,
    start: number,
    end: number,
    keyspace: number,
    expiresAt: number,
  ): number {
    this.slots.seal(slot, key, start);
    const hash = this.entries.hashOf(key, start, end, keyspace);
    let entry = this.entries.find(key, start, end, keyspace, hash);
    if (entry === 0 && !this.#makeRoomForOne()) {
      this.cancel(slot);
      this.counters.rejected++;
      this.departures?.record(key, start, end, keyspace, "ram", "dropped", 0);
      return 0;
    }
    this.#fillingBytes -= this.slots.bytes(slot);
    const length = this.slots.length(slot);
    this.#valueBytes += length;
    this.counters.stored++;
    this.counters.storedBytes += length;
    if (entry !== 0) {
      const old = this.entries.replaceSlot(entry, slot);
      this.#valueBytes -= this.slots.length(old);
      this.slots.release(old);
      this.touch(entry);
    } else {
      entry = this.entries.add(hash, keyspace, slot);
      this.#countByKeyspace[keyspace]++;
      this.#policy.insert(entry, hash, this.slots.bytes(slot));
      this.entries.setUsedAt(entry, this.#tick());
      if (isPairKey(key, start, end)) this.#joinPair(entry, key, start, end, keyspace);
    }
    this.#changeExpiry(entry, expiresAt);
    this.observer?.published(entry);
    return entry;
  }

  /** @param at - ms since 1970, or 0 for never. */
  setExpiry(entry: number, at: number): void {
    if (this.#changeExpiry(entry, at)) this.observer?.expiryChanged(entry);
  }

  /**
   * Pinned entries are not evicted, unless they are kept elsewhere too; they still expire and can be
   * deleted.
   */
  setPinned(entry: number, pinned: boolean): void {
    if (this.entries.pinned(entry) === pinned) return;
    this.entries.setPinned(entry, pinned);
    this.#pinned += pinned ? 1 : -1;
  }

  /** Lets an entry that is kept elsewhere leave, and the other half of its pair: no eviction, no removal. */
  demote(entry: number): void {
    this.#dropPair(entry, "evicted");
  }

  /** Drops the entry and the other half of its pair. */
  remove(entry: number): void {
    this.#dropPair(entry, "removed");
  }

  /** Drops everything, or all of one keyspace. */
  clear(keyspace?: number): void {
    const { departures } = this;
    this.departures = undefined;
    for (let entry = 1; entry < this.entries.end; entry++)
      if (
        this.entries.isPresent(entry) &&
        (keyspace === undefined || this.entries.keyspace(entry) === keyspace)
      )
        this.#drop(entry, "removed");
    this.departures = departures;
    departures?.cleared(keyspace);
  }

  /**
   * Looks at up to `limit` entries and drops those that have expired; goes on where it stopped.
   * @returns how many it dropped.
   */
  sweep(limit: number): number {
    let dropped = 0;
    for (let left = Math.min(limit, this.entries.end); left > 0 && this.#expiring > 0; left--) {
      if (this.#sweepCursor >= this.entries.end) this.#sweepCursor = 1;
      const entry = this.#sweepCursor++;
      if (this.entries.isPresent(entry) && this.#hasExpired(entry)) {
        this.#expire(entry);
        dropped++;
      }
    }
    return dropped;
  }

  /**
   * Changes the limit at once, evicting what no longer fits.
   * @returns whether everything fits now; what sockets still write may hold it up for a moment.
   */
  setCapacity(bytes: number): boolean {
    this.#capacityBytes = Math.max(MIN_CAPACITY_BYTES, Math.min(bytes, this.#arena.capacityBytes));
    while (this.usedBytes > this.#capacityBytes) if (!this.#evictOne()) return false;
    return true;
  }

  /** @param count - 0 for no limit. */
  setMaxBlocks(count: number): void {
    this.#maxBlocks = count;
    while (count > 0 && this.entries.count > count) if (!this.#evictOne(this.#keepEntry)) return;
  }

  /** Changes the policy; what is stored enters the new one in the old one's order. */
  setPolicy(name: PolicyName): void {
    if (name === this.#policy.name) return;
    const next = createPolicy(name);
    for (const entry of this.#policy.order())
      next.insert(entry, this.entries.hash(entry), this.slots.bytes(this.entries.slot(entry)));
    this.#policy = next;
  }

  #tick(): number {
    return Math.floor((this.#clock.now() - this.#startedAt) / TICK_MS);
  }

  #hasExpired(entry: number): boolean {
    const at = this.entries.expiresAt(entry);
    return at !== 0 && at <= this.#clock.now();
  }

  #expire(entry: number): void {
    this.counters.expired++;
    this.#dropPair(entry, "expired");
  }

  #changeExpiry(entry: number, at: number): boolean {
    const before = this.entries.expiresAt(entry);
    if (before === at) return false;
    if (before === 0) this.#expiring++;
    if (at === 0) this.#expiring--;
    this.entries.setExpiresAt(entry, at);
    return true;
  }

  /** Whether evicting the entry is forbidden, or would free no memory because somebody holds it. */
  #mustStay(entry: number): boolean {
    return this.#isSafe(entry) || this.slots.references(this.entries.slot(entry)) > 1;
  }

  #isSafe(entry: number): boolean {
    const partner = this.entries.partner(entry);
    const isPinned = this.entries.pinned(entry) || (partner !== 0 && this.entries.pinned(partner));
    return (
      (isPinned && !this.#isKept(entry, partner)) ||
      this.entries.protectedUntil(entry) > this.#tick()
    );
  }

  /** Whether the entry and its partner, if it has one, are kept elsewhere. */
  #isKept(entry: number, partner: number): boolean {
    const { observer } = this;
    if (observer === undefined) return false;
    return observer.isKept(entry) && (partner === 0 || observer.isKept(partner));
  }

  #makeRoomForOne(): boolean {
    while (this.#maxBlocks > 0 && this.entries.count >= this.#maxBlocks)
      if (!this.#evictOne(this.#keepEntry)) return false;
    return true;
  }

  #evictOne(keep: (entry: number) => boolean = this.#keep): boolean {
    const entry = this.#policy.evict(keep);
    if (entry === 0) return false;
    const partner = this.entries.partner(entry);
    this.#countEviction(entry);
    this.#forget(entry, "evicted");
    if (partner !== 0) {
      this.#countEviction(partner);
      this.#drop(partner, "evicted");
    }
    return true;
  }

  #countEviction(entry: number): void {
    this.counters.evicted++;
    this.counters.evictedBytes += this.slots.length(this.entries.slot(entry));
  }

  #dropPair(entry: number, why: ForgetReason): void {
    const partner = this.entries.partner(entry);
    this.#drop(entry, why);
    if (partner !== 0) this.#drop(partner, why);
  }

  #drop(entry: number, why: ForgetReason): void {
    this.#policy.remove(entry);
    this.#forget(entry, why);
  }

  /** Takes the entry out of everything but the policy. */
  #forget(entry: number, why: ForgetReason): void {
    this.observer?.forgotten(entry, why);
    this.#noteDeparture(entry, why);
    const partner = this.entries.partner(entry);
    if (partner !== 0) this.entries.setPartner(partner, 0);
    this.setPinned(entry, false);
    if (this.entries.expiresAt(entry) !== 0) this.#expiring--;
    this.#countByKeyspace[this.entries.keyspace(entry)]--;
    const slot = this.entries.slot(entry);
    this.entries.remove(entry);
    this.#valueBytes -= this.slots.length(slot);
    this.slots.release(slot);
  }

  #noteDeparture(entry: number, why: ForgetReason): void {
    if (this.departures === undefined) return;
    const { slots, entries } = this;
    const slot = entries.slot(entry);
    const start = slots.keyOffset(slot);
    const end = start + slots.keyLength(slot);
    const idleMs = this.idleMs(entry);
    const keyspace = entries.keyspace(entry);
    const reason = why === "evicted" && this.#isKept(entry, 0) ? "demoted" : why;
    this.departures.record(slots.piece(slot), start, end, keyspace, "ram", reason, idleMs);
  }

  #joinPair(entry: number, key: Uint8Array, start: number, end: number, keyspace: number): void {
    const other = partnerKey(key, start, end);
    if (other === undefined) return;
    const partner = this.find(other, 0, other.length, keyspace);
    if (partner === 0) return;
    this.entries.setPartner(entry, partner);
    this.entries.setPartner(partner, entry);
  }
}
