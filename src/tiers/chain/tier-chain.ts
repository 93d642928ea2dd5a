import { partnerKey } from "../../store/pairs.ts";
import type { RamObserver, RamTier } from "../ram/ram-tier.ts";
import { Bringing } from "./bringing.ts";
import type { LowerTier, LowerTierStats, SettledOutcome } from "./lower-tier.ts";
import { type Fetched, Remote, type RemoteStore } from "./remote.ts";
import { RemoteLookup, lookupId } from "./remote-lookup.ts";
import { type WriteMode, type WritePolicy, createWritePolicy } from "./write-policy.ts";

export interface TierChainOptions {
  readonly ram: RamTier;
  /** The tier below RAM. Without one the chain is RAM alone. */
  readonly lower?: LowerTier;
  /** Stores on other machines that are written to as well, and asked in this order. Default none. */
  readonly remotes?: readonly RemoteStore[];
  /** Most bytes of values that wait to be written to each of them. Default: an eighth of RAM. */
  readonly remoteQueueBytes?: number;
  /** When a value goes down. Default `"through"`. */
  readonly writeMode?: WriteMode;
  /** Most bytes of values that `"back"` keeps in RAM unwritten. Default: an eighth of RAM. */
  readonly dirtyBytes?: number;
  /** How long `"back"` waits for a value to be replaced or deleted, in ms. Default 5000. */
  readonly writeBackMs?: number;
  /** Most bytes that are read ahead at a time. Default: a sixteenth of RAM; 0 turns it off. */
  readonly prefetchBytes?: number;
}

/** A value on its way up. */
interface Flight {
  readonly waiting: Bringing[];
  readonly bytes: number;
  readonly version: number;
}

/** A lower tier's own figures, and what the chain counts of it. */
export type LowerStats = LowerTierStats & {
  readonly promoted: number;
  readonly promotedBytes: number;
  readonly failedReads: number;
  readonly prefetched: number;
};

/**
 * RAM and the tier below it as one, for fronts: where a key is, is answered at once; a value that
 * lies below is brought up to RAM first ({@link bring}) and then served like any other.
 *
 * A *place* says where a key is: a RAM entry (positive), a row of the lower tier (negative), or 0.
 * It is valid until the store changes: do not keep it beyond a turn of the event loop.
 */
export class TierChain implements RamObserver {
  readonly ram: RamTier;
  readonly lower: LowerTier | undefined;
  readonly remotes: readonly Remote[];
  readonly #lookup: RemoteLookup | undefined;
  readonly #writes: WritePolicy | undefined;
  readonly #flights = new Map<number, Flight>();
  readonly #prefetchLimit: number;
  readonly #roomListeners: (() => void)[] = [];
  #prefetchingBytes = 0;
  /** Where the value comes from that is being published; undefined: from a client. */
  #source: "lower" | "remote" | undefined;
  #clearing = false;
  /** Values that came up from below, and those that were asked for and did not come. */
  promoted = 0;
  promotedBytes = 0;
  failedReads = 0;
  /** Values read ahead of their being asked for. */
  prefetched = 0;

  constructor(options: TierChainOptions) {
    const { ram, lower } = options;
    this.ram = ram;
    this.lower = lower;
    this.#prefetchLimit = options.prefetchBytes ?? Math.floor(ram.capacityBytes / 16);
    const queueBytes = options.remoteQueueBytes ?? Math.floor(ram.capacityBytes / 8);
    this.remotes = (options.remotes ?? []).map((store) => new Remote(ram, store, { queueBytes }));
    if (this.remotes.length > 0)
      this.#lookup = new RemoteLookup(ram, this.remotes, (key, keyspace, fetched) =>
        this.#landRemote(key, keyspace, fetched),
      );
    if (lower !== undefined || this.remotes.length > 0) ram.observer = this;
    if (lower === undefined) return;
    lower.onRoom = () => {
      for (const listener of this.#roomListeners) listener();
    };
    lower.isUsedAbove = (key, keyspace) => {
      const entry = ram.find(key, 0, key.length, keyspace);
      return entry !== 0 && ram.entries.hits(entry) > 0;
    };
    this.#writes = createWritePolicy(options.writeMode ?? "through", {
      ram,
      lower,
      dirtyBytes: options.dirtyBytes ?? Math.floor(ram.capacityBytes / 8),
      writeBackMs: options.writeBackMs ?? 5000,
    });
  }

  /** Whether a key that is nowhere here may be on another machine. */
  get hasRemotes(): boolean {
    return this.#lookup !== undefined;
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

  /**
   * Lets an entry leave RAM, with the other half of its pair, if both can be read below. Returns
   * whether it has left.
   */
  demote(entry: number): boolean {
    const partner = this.ram.entries.partner(entry);
    if (!this.isKept(entry) || (partner !== 0 && !this.isKept(partner))) return false;
    this.ram.demote(entry);
    return true;
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

  /**
   * The entry was read: counts a hit of RAM, or a miss of it when the value has come up for just
   * this reading.
   */
  read(entry: number, bringing?: Bringing): void {
    const { ram } = this;
    ram.read(entry);
    if (bringing === undefined) return;
    const slot = ram.entries.slot(entry);
    if (!bringing.hasBrought(slot)) return;
    ram.counters.hits--;
    ram.counters.hitBytes -= ram.slots.length(slot);
    ram.counters.misses++;
  }

  /** A client asked for a value that is in no tier. */
  countMiss(): void {
    this.ram.counters.misses++;
    this.lower?.countMiss();
  }

  touch(place: number): void {
    if (place > 0) this.ram.touch(place);
    else this.lower!.touch(-place);
  }

  /** Drops the key everywhere, and the other half of its pair. */
  remove(place: number): void {
    const { ram, lower } = this;
    if (lower === undefined) {
      ram.remove(place);
      return;
    }
    const key = Buffer.from(this.key(place));
    const other = partnerKey(key, 0, key.length);
    const keyspace = this.keyspace(place);
    if (place > 0) ram.remove(place);
    else {
      this.#noteRemoval(key, keyspace);
      if (other !== undefined) this.#noteRemoval(other, keyspace);
      lower.remove(-place);
      this.removeRemote(key, 0, key.length, keyspace);
    }
    if (other === undefined) return;
    const entry = ram.find(other, 0, other.length, keyspace);
    if (entry !== 0) ram.remove(entry);
    const row = lower.locate(other, 0, other.length, keyspace);
    if (row !== 0) lower.remove(row);
  }

  /** Keeps a key that is nowhere here from being found once the lower tier has learnt all it has. */
  forget(key: Uint8Array, start: number, end: number, keyspace: number): void {
    if (this.lower?.isLearning === true) this.lower.forget?.(key.subarray(start, end), keyspace);
  }

  /** Drops `key[start, end)`, and the other half of its pair, on other machines. */
  removeRemote(key: Uint8Array, start: number, end: number, keyspace: number): void {
    const other = this.remotes.length > 0 ? partnerKey(key, start, end) : undefined;
    for (const remote of this.remotes) {
      remote.delete(key.subarray(start, end), keyspace);
      if (other !== undefined) remote.delete(other, keyspace);
    }
  }

  /** Drops everything, or all of one keyspace, on this machine. Others share the remote stores. */
  clear(keyspace?: number): void {
    this.#clearing = true;
    this.lower?.clear(keyspace);
    this.ram.clear(keyspace);
    this.#clearing = false;
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

  /** A {@link Bringing} for the values of one command; `ready` is called when all have come. */
  newBringing(ready: () => void): Bringing {
    return new Bringing(this.ram, ready);
  }

  /**
   * Keeps the value of `key[start, end)` in RAM if it is there. To be called for all keys of a command
   * before the first is brought up, so that what comes does not push out what is there.
   */
  keep(key: Uint8Array, start: number, end: number, keyspace: number, bringing: Bringing): void {
    const { ram } = this;
    const entry = ram.find(key, start, end, keyspace);
    if (entry !== 0) bringing.keep(ram.entries.slot(entry));
  }

  /** Lets the value of `key[start, end)` come up if it lies below, and joins a read that is under way. */
  bring(key: Uint8Array, start: number, end: number, keyspace: number, bringing: Bringing): void {
    const place = this.find(key, start, end, keyspace);
    if (place > 0) return;
    if (place === 0) this.#lookup?.bring(key, start, end, keyspace, bringing);
    else {
      bringing.expect();
      this.#fly(-place).waiting.push(bringing);
    }
  }

  /** Finds out whether another machine has `key[start, end)`, if it is nowhere here. */
  seek(key: Uint8Array, start: number, end: number, keyspace: number, bringing: Bringing): void {
    if (this.find(key, start, end, keyspace) === 0)
      this.#lookup?.seek(key, start, end, keyspace, bringing);
  }

  /** Whether another machine has `key[start, end)`, as far as `bringing` has found out. */
  isElsewhere(
    key: Uint8Array,
    start: number,
    end: number,
    keyspace: number,
    bringing: Bringing | undefined,
  ): boolean {
    return bringing?.isElsewhere(lookupId(key, start, end, keyspace)) === true;
  }

  /** Reads ahead what lies below and will probably be asked for next: places in that order. */
  prefetch(places: readonly number[]): void {
    const { lower } = this;
    if (lower === undefined) return;
    for (const place of places) {
      if (place >= 0 || this.#flights.has(-place) || !lower.isPresent(-place)) continue;
      if (this.#prefetchingBytes + lower.length(-place) > this.#prefetchLimit) return;
      this.prefetched++;
      this.#fly(-place);
    }
  }

  /** Whether the tier below can take a value of this length without turning it down. */
  hasRoomBelow(valueLength: number): boolean {
    return this.lower === undefined || !this.lower.isFull(valueLength);
  }

  /** `listener` is called when the tier below may have room again for what it had to turn down. */
  onRoomBelow(listener: () => void): void {
    this.#roomListeners.push(listener);
  }

  /** The lower tier's figures. */
  lowerStats(): LowerStats | undefined {
    if (this.lower === undefined) return undefined;
    const { promoted, promotedBytes, failedReads, prefetched } = this;
    return { ...this.lower.stats(), promoted, promotedBytes, failedReads, prefetched };
  }

  /** Writes down what is held back and waits until it is as durable as the settings promise. */
  async settled(): Promise<SettledOutcome> {
    this.#writes?.flush?.();
    return (await this.lower?.settled()) ?? "durable";
  }

  /** Resolves when nothing waits to be written to other machines any more. */
  async settledRemotes(): Promise<void> {
    await Promise.all(this.remotes.map((remote) => remote.settled()));
  }

  /** Ends the connection of the tiers: what happens in RAM from now on stays there. */
  detach(): void {
    if (this.ram.observer === this) this.ram.observer = undefined;
  }

  // RamObserver

  published(entry: number): void {
    if (this.#source === "lower") {
      this.#row(entry, (row) => this.lower!.setInRam(row, true));
      return;
    }
    this.#writes?.published(entry);
    if (this.#source === undefined) this.#writeRemote(entry);
  }

  wasRead(entry: number): void {
    this.#writes?.wasRead?.(entry);
  }

  forgotten(entry: number, why: "evicted" | "expired" | "removed"): void {
    if (why === "removed" && !this.#clearing && this.remotes.length > 0) {
      const { slots, entries } = this.ram;
      const key = slots.key(entries.slot(entry));
      for (const remote of this.remotes) remote.delete(key, entries.keyspace(entry));
    }
    this.#row(entry, (row) => {
      if (why === "removed") this.lower!.remove(row);
      else {
        this.lower!.setInRam(row, false);
        if (this.ram.entries.hits(entry) > 0) this.lower!.touch(row);
      }
    });
  }

  expiryChanged(entry: number): void {
    const at = this.ram.entries.expiresAt(entry);
    this.#row(entry, (row) => this.lower!.setExpiry(row, at));
    this.#writeRemote(entry);
  }

  isKept(entry: number): boolean {
    const { slots, entries } = this.ram;
    const key = slots.key(entries.slot(entry));
    return (this.lower?.find(key, 0, key.length, entries.keyspace(entry)) ?? 0) !== 0;
  }

  /** Remembers that a client removed what stood below RAM only; RAM remembers what it had. */
  #noteRemoval(key: Buffer, keyspace: number): void {
    const { ram, lower } = this;
    if (ram.departures === undefined || ram.find(key, 0, key.length, keyspace) !== 0) return;
    const row = lower!.locate(key, 0, key.length, keyspace);
    if (row === 0) return;
    const idleMs = lower!.idleMs(row);
    ram.departures.record(key, 0, key.length, keyspace, lower!.name, "removed", idleMs);
  }

  #writeRemote(entry: number): void {
    const { entries } = this.ram;
    for (const remote of this.remotes)
      remote.write(entries.slot(entry), entries.keyspace(entry), entries.expiresAt(entry));
  }

  #row(entry: number, act: (row: number) => void): void {
    if (this.lower === undefined) return;
    const { slots, entries } = this.ram;
    const key = slots.key(entries.slot(entry));
    const row = this.lower.locate(key, 0, key.length, entries.keyspace(entry));
    if (row !== 0) act(row);
  }

  #fly(row: number): Flight {
    const lower = this.lower!;
    const version = lower.version(row);
    const underWay = this.#flights.get(row);
    if (underWay?.version === version) return underWay;
    const flight: Flight = { waiting: [], bytes: lower.length(row), version };
    this.#flights.set(row, flight);
    this.#prefetchingBytes += flight.bytes;
    const arrived = (slot: number): void => {
      if (this.#flights.get(row) === flight) this.#flights.delete(row);
      this.#prefetchingBytes -= flight.bytes;
      const landed = slot === 0 ? 0 : this.#land(row, version, slot);
      if (slot === 0) this.failedReads++;
      if (landed !== 0) this.ram.slots.retain(landed);
      // A command that runs at once may remove the key, for which the next one waits too.
      for (const bringing of flight.waiting) bringing.arrive(landed);
      if (landed !== 0) this.ram.slots.release(landed);
    };
    lower.read(row, this.ram).then(arrived, () => arrived(0));
    return flight;
  }

  /** Publishes what was read, unless the key was changed meanwhile. Returns the slot, or 0. */
  #land(row: number, version: number, slot: number): number {
    const lower = this.lower!;
    const { ram } = this;
    if (!lower.isPresent(row) || lower.version(row) !== version) {
      ram.cancel(slot);
      return 0;
    }
    const key = Buffer.from(lower.key(row));
    const keyspace = lower.keyspace(row);
    if (ram.find(key, 0, key.length, keyspace) !== 0) {
      ram.cancel(slot);
      return 0;
    }
    this.#source = "lower";
    const entry = ram.publish(slot, key, 0, key.length, keyspace, lower.expiresAt(row));
    this.#source = undefined;
    if (entry === 0) return 0;
    if (lower.isPinned(row)) ram.setPinned(entry, true);
    this.promoted++;
    this.promotedBytes += ram.slots.length(slot);
    return slot;
  }

  /** Publishes what came from another machine, unless the key has come to be here. Returns the slot, or 0. */
  #landRemote(key: Buffer, keyspace: number, { slot, expiresAt }: Fetched): number {
    const { ram } = this;
    const hasExpired = expiresAt !== 0 && expiresAt <= ram.now();
    if (hasExpired || this.find(key, 0, key.length, keyspace) !== 0) {
      ram.cancel(slot);
      return 0;
    }
    this.#source = "remote";
    const entry = ram.publish(slot, key, 0, key.length, keyspace, expiresAt);
    this.#source = undefined;
    return entry === 0 ? 0 : slot;
  }
}
