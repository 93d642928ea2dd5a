import { randomBytes, randomFillSync } from "node:crypto";
import { RamTier } from "../../src/tiers/ram/ram-tier.ts";
import type { ValueSource } from "../../src/tiers/ssd/log-item.ts";

/** All values together, so that no cache of the CPU holds them. */
const SPREAD_BYTES = 128 * 1024 ** 2;
const KEY_BYTES = 24;

/** Random values of one size in RAM slots, taken in turns: what a front would have received. */
export class Slots {
  readonly ram: RamTier = new RamTier({ capacityBytes: 1024 ** 3 });
  readonly #slots: number[] = [];
  #next = 0;

  /** @param atLeast how many may be in use at a time */
  constructor(size: number, atLeast: number) {
    const count = Math.max(atLeast + 1, Math.min(512, Math.floor(SPREAD_BYTES / size)));
    for (let i = 0; i < count; i++) {
      const slot = this.ram.reserve(size, KEY_BYTES);
      randomFillSync(this.ram.slots.value(slot));
      this.#slots.push(slot);
    }
  }

  /**
   * The next value, as the tier takes it from a slot.
   *
   * @param among how many values to take turns with: few that are written again and again stay in a cache
   */
  source(among: number = this.#slots.length): ValueSource {
    const { slots } = this.ram;
    const slot = this.#slots[this.#next++ % Math.min(among, this.#slots.length)];
    const value = slots.value(slot);
    const pages = slots.hasPages(slot) ? slots.memory(slot) : undefined;
    const offset = pages === undefined ? 0 : value.byteOffset - pages.byteOffset;
    return { value, pages, offset, release: () => undefined };
  }

  /** A key that was not used before, as long as a hash in hex. */
  newKey(): Buffer {
    return Buffer.from(randomBytes(KEY_BYTES / 2).toString("hex"));
  }
}
