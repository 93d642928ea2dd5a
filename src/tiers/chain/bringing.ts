import type { RamTier } from "../ram/ram-tier.ts";

/**
 * Values on their way up to RAM for one command. What has come is held, so that it cannot leave
 * again before the command has run: {@link Bringing.release} ends that.
 */
export class Bringing {
  readonly #ram: RamTier;
  readonly #ready: () => void;
  readonly #held: number[] = [];
  #pending = 0;
  #released = false;

  /** @param ready - called once, when nothing is under way any more; not before {@link expect}ed ones came. */
  constructor(ram: RamTier, ready: () => void) {
    this.#ram = ram;
    this.#ready = ready;
  }

  get pending(): number {
    return this.#pending;
  }

  expect(): void {
    this.#pending++;
  }

  /** One value has come to a slot, or 0: it has not. */
  arrive(slot: number): void {
    this.#pending--;
    if (this.#released) return;
    if (slot !== 0) {
      this.#ram.slots.retain(slot);
      this.#held.push(slot);
    }
    if (this.#pending === 0) this.#ready();
  }

  /** The command has run, or will not: lets go of everything. */
  release(): void {
    this.#released = true;
    for (const slot of this.#held) this.#ram.slots.release(slot);
    this.#held.length = 0;
  }
}
