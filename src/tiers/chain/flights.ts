import type { RamTier } from "../ram/ram-tier.ts";
import type { Bringing } from "./bringing.ts";
import type { LowerTier } from "./lower-tier.ts";

/** A value on its way up. */
interface Flight {
  readonly waiting: Bringing[];
  readonly bytes: number;
  readonly version: number;
}

/** Publishes a filled slot in RAM; returns the entry, or 0. */
export type Publish = (slot: number, key: Buffer, keyspace: number, expiresAt: number) => number;

/** Values on their way from the lower tier to RAM: two who wait for one share one read. */
export class Flights {
  readonly #ram: RamTier;
  readonly #lower: LowerTier;
  readonly #publish: Publish;
  readonly #prefetchLimit: number;
  readonly #byRow = new Map<number, Flight>();
  #bytes = 0;
  /** Values that came up from below, and those that were asked for and did not come. */
  promoted = 0;
  promotedBytes = 0;
  failedReads = 0;
  /** Values read ahead of their being asked for. */
  prefetched = 0;

  /** @param prefetchLimit - most bytes on their way while further values are read ahead. */
  constructor(ram: RamTier, lower: LowerTier, prefetchLimit: number, publish: Publish) {
    this.#ram = ram;
    this.#lower = lower;
    this.#prefetchLimit = prefetchLimit;
    this.#publish = publish;
  }

  /** Lets the row's value come up. */
  bring(row: number, bringing: Bringing): void {
    bringing.expect();
    this.#fly(row).waiting.push(bringing);
  }

  /** Reads ahead what will probably be asked for next: places in that order, of which RAM's are left out. */
  prefetch(places: readonly number[]): void {
    const lower = this.#lower;
    for (const place of places) {
      const row = -place;
      if (row <= 0 || this.#byRow.has(row) || !lower.isPresent(row)) continue;
      if (this.#bytes + lower.length(row) > this.#prefetchLimit) return;
      this.prefetched++;
      this.#fly(row);
    }
  }

  #fly(row: number): Flight {
    const lower = this.#lower;
    const version = lower.version(row);
    const underWay = this.#byRow.get(row);
    if (underWay?.version === version) return underWay;
    const flight: Flight = { waiting: [], bytes: lower.length(row), version };
    this.#byRow.set(row, flight);
    this.#bytes += flight.bytes;
    const arrived = (slot: number): void => {
      if (this.#byRow.get(row) === flight) this.#byRow.delete(row);
      this.#bytes -= flight.bytes;
      const landed = slot === 0 ? 0 : this.#land(row, version, slot);
      if (slot === 0) this.failedReads++;
      if (landed !== 0) this.#ram.slots.retain(landed);
      // A command that runs at once may remove the key, for which the next one waits too.
      for (const bringing of flight.waiting) bringing.arrive(landed);
      if (landed !== 0) this.#ram.slots.release(landed);
    };
    lower.read(row, this.#ram).then(arrived, () => arrived(0));
    return flight;
  }

  /** Publishes what was read, unless the key was changed meanwhile. Returns the slot, or 0. */
  #land(row: number, version: number, slot: number): number {
    const lower = this.#lower;
    const ram = this.#ram;
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
    const entry = this.#publish(slot, key, keyspace, lower.expiresAt(row));
    if (entry === 0) return 0;
    if (lower.isPinned(row)) ram.setPinned(entry, true);
    this.promoted++;
    this.promotedBytes += ram.slots.length(slot);
    return slot;
  }
}
