import { partnerKey } from "../../store/pairs.ts";
import type { RamObserver, RamTier } from "../ram/ram-tier.ts";
import type { AsideStore } from "./aside-store.ts";
import { Bringing } from "./bringing.ts";
import { Flights } from "./flights.ts";
import type { LowerTier, LowerTierStats, SettledOutcome } from "./lower-tier.ts";
import { Places } from "./places.ts";
import { type Fetched, Remote, type RemoteStore } from "./remote.ts";
import { RemoteLookup, lookupId } from "./remote-lookup.ts";
import { type WriteMode, type WritePolicy, createWritePolicy } from "./write-policy.ts";

export interface TierChainOptions {
  readonly ram: RamTier;
  /** The tier below RAM. Without one the chain is RAM alone. */
  readonly lower?: LowerTier;
  /** A store of this machine that is asked before {@link remotes}. Default none. */
  readonly aside?: AsideStore;
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
 */
export class TierChain extends Places implements RamObserver {
  readonly remotes: readonly Remote[];
  readonly #aside: AsideStore | undefined;
  readonly #lookup: RemoteLookup | undefined;
  readonly #writes: WritePolicy | undefined;
  readonly #flights: Flights | undefined;
  readonly #roomListeners: (() => void)[] = [];
  /** Where the value comes from that is being published; undefined: from a client. */
  #source: "lower" | "remote" | undefined;
  #clearing = false;
  constructor(options: TierChainOptions) {
    const { ram, lower } = options;
    super(ram, lower);
    const queueBytes = options.remoteQueueBytes ?? Math.floor(ram.capacityBytes / 8);
    this.remotes = (options.remotes ?? []).map((store) => new Remote(ram, store, { queueBytes }));
    this.#aside = options.aside;
    const asked =
      options.aside === undefined
        ? this.remotes
        : [new Remote(ram, options.aside), ...this.remotes];
    if (asked.length > 0)
      this.#lookup = new RemoteLookup(ram, asked, (key, keyspace, fetched) =>
        this.#landRemote(key, keyspace, fetched),
      );
    if (lower !== undefined || asked.length > 0) ram.observer = this;
    if (lower === undefined) return;
    lower.onRoom = () => {
      for (const listener of this.#roomListeners) listener();
    };
    lower.isUsedAbove = (key, keyspace) => {
      const entry = ram.find(key, 0, key.length, keyspace);
      return entry !== 0 && ram.entries.hits(entry) > 0;
    };
    const prefetchBytes = options.prefetchBytes ?? Math.floor(ram.capacityBytes / 16);
    this.#flights = new Flights(ram, lower, prefetchBytes, (...value) =>
      this.#publish("lower", ...value),
    );
    this.#writes = createWritePolicy(options.writeMode ?? "through", {
      ram,
      lower,
      dirtyBytes: options.dirtyBytes ?? Math.floor(ram.capacityBytes / 8),
      writeBackMs: options.writeBackMs ?? 5000,
    });
  }

  /** Whether a key that is in no tier may be aside or on another machine. */
  get hasRemotes(): boolean {
    return this.#lookup !== undefined;
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

  /** Drops `key[start, end)`, and the other half of its pair, aside and on other machines. */
  removeRemote(key: Uint8Array, start: number, end: number, keyspace: number): void {
    if (this.#lookup === undefined) return;
    const other = partnerKey(key, start, end);
    for (const each of [key.subarray(start, end), other]) {
      if (each === undefined) continue;
      this.#outdate(each, keyspace);
      for (const remote of this.remotes) remote.delete(each, keyspace);
    }
  }

  /** Drops everything, or all of one keyspace, on this machine. Others share the remote stores. */
  clear(keyspace?: number): void {
    this.#clearing = true;
    this.lower?.clear(keyspace);
    this.#aside?.clear(keyspace);
    this.#lookup?.outdateAll(keyspace);
    this.ram.clear(keyspace);
    this.#clearing = false;
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
    else this.#flights!.bring(-place, bringing);
  }

  /** Finds out whether another machine has `key[start, end)`, if it is nowhere here. */
  seek(key: Uint8Array, start: number, end: number, keyspace: number, bringing: Bringing): void {
    if (this.find(key, start, end, keyspace) === 0)
      this.#lookup?.seek(key, start, end, keyspace, bringing);
  }

  /** Which store aside or on another machine has `key[start, end)`, as far as `bringing` has found out. */
  elsewhere(
    key: Uint8Array,
    start: number,
    end: number,
    keyspace: number,
    bringing: Bringing | undefined,
  ): string | undefined {
    return bringing?.elsewhere(lookupId(key, start, end, keyspace));
  }

  /** Reads ahead what lies below and will probably be asked for next: places in that order. */
  prefetch(places: readonly number[]): void {
    this.#flights?.prefetch(places);
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
    if (this.lower === undefined || this.#flights === undefined) return undefined;
    const { promoted, promotedBytes, failedReads, prefetched } = this.#flights;
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
    if (why === "removed" && !this.#clearing && this.#lookup !== undefined) {
      const { slots, entries } = this.ram;
      const key = slots.key(entries.slot(entry));
      const keyspace = entries.keyspace(entry);
      this.#outdate(key, keyspace);
      for (const remote of this.remotes) remote.delete(key, keyspace);
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

  /** What lies aside, or is on its way from elsewhere, is not the key's value any more. */
  #outdate(key: Uint8Array, keyspace: number): void {
    this.#aside?.forget(key, keyspace);
    this.#lookup?.outdate(key, keyspace);
  }

  #writeRemote(entry: number): void {
    if (this.#lookup === undefined) return;
    const { entries, slots } = this.ram;
    this.#outdate(slots.key(entries.slot(entry)), entries.keyspace(entry));
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

  /** Publishes what came from another machine, unless the key has come to be here. Returns the slot, or 0. */
  #landRemote(key: Buffer, keyspace: number, { slot, expiresAt }: Fetched): number {
    const { ram } = this;
    const hasExpired = expiresAt !== 0 && expiresAt <= ram.now();
    if (hasExpired || this.find(key, 0, key.length, keyspace) !== 0) {
      ram.cancel(slot);
      return 0;
    }
    return this.#publish("remote", slot, key, keyspace, expiresAt) === 0 ? 0 : slot;
  }

  #publish(
    source: "lower" | "remote",
    slot: number,
    key: Buffer,
    keyspace: number,
    expiresAt: number,
  ): number {
    this.#source = source;
    const entry = this.ram.publish(slot, key, 0, key.length, keyspace, expiresAt);
    this.#source = undefined;
    return entry;
  }
}
