import type { RamTier } from "../ram/ram-tier.ts";

/**
 * Values on their way up to RAM for one command. What has come is held, so that it cannot leave
 * again before the command has run: {@link Bringing.release} ends that.
 */
export class Bringing {
  readonly #ram: RamTier;
  readonly #ready: () => void;
  /** Slots of values that have come up, and of those that were in RAM all along. */
  readonly #brought = new Set<number>();
  readonly #kept: number[] = [];
  /** The names of the remote stores that have keys, by lookup id. */
  readonly #elsewhere = new Map<string, string>();
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

  /** Whether the slot's value has come up for this command. */
  hasBrought(slot: number): boolean {
    return this.#brought.has(slot);
  }

  /** The name of the remote store that has said that it has the key. */
  elsewhere(id: string): string | undefined {
    return this.#elsewhere.get(id);
  }

  /** The remote store of this name has the key that was asked for. */
  foundElsewhere(id: string, name: string): void {
    this.#elsewhere.set(id, name);
    this.arrive(0);
  }

  /** Keeps a value that is in RAM from leaving. */
  keep(slot: number): void {
    this.#ram.slots.retain(slot);
    this.#kept.push(slot);
  }

  expect(): void {
    this.#pending++;
  }

  /** One value has come to a slot, or 0: it has not. */
  arrive(slot: number): void {
    this.#pending--;
    if (this.#released) return;
    if (slot !== 0 && !this.#brought.has(slot)) {
      this.#ram.slots.retain(slot);
      this.#brought.add(slot);
    }
    if (this.#pending === 0) this.#ready();
  }

  /** The command has run, or will not: lets go of everything. */
  release(): void {
    this.#released = true;
    for (const slot of this.#brought) this.#ram.slots.release(slot);
    for (const slot of this.#kept) this.#ram.slots.release(slot);
    this.#brought.clear();
    this.#kept.length = 0;
  }
}
