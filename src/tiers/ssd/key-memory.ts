/** Keys lie in pieces of memory of this size; none lies across two. */
const PIECE_BYTES = 4 * 1024 ** 2;
const STEP_BYTES = 8;
const STEPS_PER_PIECE = PIECE_BYTES / STEP_BYTES;

/**
 * Keys of the index, outside the garbage collector's reach, in steps of 8 bytes. A place is a number
 * from 0. Room that comes free is used again for keys of the same number of steps.
 */
export class KeyMemory {
  readonly #capacityBytes: number;
  readonly #pieces: Buffer[] = [];
  /** By number of steps: the place that came free last, plus 1; it names the one before in its memory. */
  readonly #free: Uint32Array;
  /** Steps handed out for the first time. */
  #end = 0;
  #usedSteps = 0;

  /** @param maxKeyBytes - the longest key. */
  constructor(capacityBytes: number, maxKeyBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.#free = new Uint32Array(stepsOf(maxKeyBytes) + 1);
  }

  get usedBytes(): number {
    return this.#usedSteps * STEP_BYTES;
  }

  /** Keeps `key[start, end)`; -1 when memory is full. */
  add(key: Uint8Array, start: number, end: number): number {
    const place = this.#take(stepsOf(end - start));
    if (place < 0) return -1;
    const piece = this.#piece(place);
    const offset = offsetOf(place) - start;
    for (let i = start; i < end; i++) piece[offset + i] = key[i];
    return place;
  }

  remove(place: number, length: number): void {
    const steps = stepsOf(length);
    this.#piece(place).writeUInt32LE(this.#free[steps], offsetOf(place));
    this.#free[steps] = place + 1;
    this.#usedSteps -= steps;
  }

  get(place: number, length: number): Buffer {
    const offset = offsetOf(place);
    return this.#piece(place).subarray(offset, offset + length);
  }

  equals(place: number, length: number, key: Uint8Array, start: number, end: number): boolean {
    if (end - start !== length) return false;
    const piece = this.#piece(place);
    const offset = offsetOf(place) - start;
    for (let i = start; i < end; i++) if (piece[offset + i] !== key[i]) return false;
    return true;
  }

  #take(steps: number): number {
    const free = this.#free[steps];
    if (free !== 0) {
      const place = free - 1;
      this.#free[steps] = this.#piece(place).readUInt32LE(offsetOf(place));
      this.#usedSteps += steps;
      return place;
    }
    let place = this.#end;
    const left = STEPS_PER_PIECE - (place % STEPS_PER_PIECE);
    if (left < steps) place += left;
    if ((place + steps) * STEP_BYTES > this.#capacityBytes) return -1;
    if (place % STEPS_PER_PIECE === 0) this.#pieces.push(Buffer.allocUnsafeSlow(PIECE_BYTES));
    this.#end = place + steps;
    this.#usedSteps += steps;
    return place;
  }

  #piece(place: number): Buffer {
    return this.#pieces[Math.floor(place / STEPS_PER_PIECE)];
  }
}

function stepsOf(length: number): number {
  return Math.max(1, Math.ceil(length / STEP_BYTES));
}

function offsetOf(place: number): number {
  return (place % STEPS_PER_PIECE) * STEP_BYTES;
}
