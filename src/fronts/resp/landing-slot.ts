import type { FrontState } from "./front-state.ts";

/**
 * A slot that a connection's next request is read into, in the expectation of a value like the last:
 * one of the same length. Held only while lengths repeat and there is memory to spare.
 */
export class LandingSlot {
  readonly #front: FrontState;
  #slot = 0;
  #memory: Buffer | undefined;
  /** Values of another length come now, but the request is still decoded from this memory. */
  #isStale = false;
  #length = 0;
  #keyLength = 0;
  #repeats = false;

  constructor(front: FrontState) {
    this.#front = front;
  }

  /** A value of this length has come; another may follow. */
  expect(length: number, keyLength: number): void {
    this.#repeats = length === this.#length;
    this.#length = length;
    this.#keyLength = keyLength;
  }

  /** The slot's memory, the same until it is taken or left; `undefined` when there is no slot. */
  memory(): Buffer | undefined {
    const front = this.#front;
    // A value that lands can't be made to wait any more.
    const isWelcome = front.tiers.hasRoomBelow(this.#length);
    if (this.#isStale || !isWelcome) this.leave();
    if (this.#memory !== undefined) return this.#memory;
    if (!isWelcome || !this.#repeats || !front.hasLandingRoom(this.#length)) return undefined;
    const slot = front.ram.reserveLanding(this.#length, this.#keyLength);
    if (slot === 0) return undefined;
    this.#slot = slot;
    this.#memory = front.ram.slots.memory(slot);
    front.landingBytes += this.#memory.length;
    return this.#memory;
  }

  /** Gives the slot to the value that lies `start` bytes into its memory; 0 if it does not fit there. */
  take(start: number, length: number, keyLength: number): number {
    const slot = this.#slot;
    if (slot === 0) return 0;
    this.expect(length, keyLength);
    if (!this.#front.ram.slots.place(slot, start, length, keyLength)) {
      this.#isStale = true;
      return 0;
    }
    this.#forget();
    return slot;
  }

  /** Gives the memory back. */
  leave(): void {
    this.#isStale = false;
    if (this.#slot === 0) return;
    this.#front.ram.cancel(this.#slot);
    this.#forget();
  }

  #forget(): void {
    this.#front.landingBytes -= this.#memory!.length;
    this.#memory = undefined;
    this.#slot = 0;
  }
}
