import { type Arena, PAGE_BYTES } from "./arena.ts";

const RUN_BYTES = 65_536;
const RUN_PAGES = RUN_BYTES / PAGE_BYTES;
const STEP = 64;
const SLOTS_PER_RUN = [
  4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256,
  341, 512, 1024,
];
/** Slot sizes in ascending order: each divides a 64 KiB run with less than 64 bytes a slot to spare. */
const classBytes = SLOTS_PER_RUN.map((slots) => Math.floor(RUN_BYTES / slots / STEP) * STEP)
  .filter((bytes, index, all) => all.indexOf(bytes) === index)
  .toReversed();
const classSlots = classBytes.map((bytes) => Math.floor(RUN_BYTES / bytes));

export const LARGEST_SLAB_BYTES: number = classBytes.at(-1)!;

const classBySteps = Uint8Array.from({ length: LARGEST_SLAB_BYTES / STEP + 1 }, (_, steps) =>
  classBytes.findIndex((bytes) => bytes >= steps * STEP),
);

/** Marks a run as not hanging in its class's list of runs with room. */
const FULL = -2;

/**
 * Slots for values below 16 KiB, cut from 64 KiB runs of the arena, one size a run. A run goes back
 * to the arena when its last slot is released.
 *
 * A slot is named by a number: run · 1024 + position in the run.
 */
export class SlabAllocator {
  readonly #arena: Arena;
  readonly #heads = classBytes.map(() => -1);
  readonly #runs: Run[] = [];
  readonly #spareRuns: number[] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Name of a slot of at least `bytes` (≤ {@link LARGEST_SLAB_BYTES}), or -1 when memory is full. */
  allocate(bytes: number): number {
    const index = classBySteps[(bytes + STEP - 1) >> 6];
    let number = this.#heads[index];
    if (number < 0) number = this.#addRun(index);
    if (number < 0) return -1;
    const run = this.#runs[number];
    const position = takeFirstFree(run.free);
    if (--run.room === 0) this.#unlink(number, run);
    return number * 1024 + position;
  }

  release(slot: number): void {
    const number = slot >> 10;
    const position = slot & 1023;
    const run = this.#runs[number];
    run.free[position >> 5] |= 1 << (position & 31);
    run.room++;
    if (run.room === classSlots[run.class]) {
      if (run.next !== FULL) this.#unlink(number, run);
      this.#arena.release(run.page, RUN_PAGES);
      this.#spareRuns.push(number);
    } else if (run.next === FULL) this.#link(number, run);
  }

  /** First page of the run that the slot was cut from. */
  page(slot: number): number {
    return this.#runs[slot >> 10].page;
  }

  /** Where in its run the slot begins, in bytes. */
  offset(slot: number): number {
    return (slot & 1023) * classBytes[this.#runs[slot >> 10].class];
  }

  /** Bytes the slot takes. */
  bytes(slot: number): number {
    return classBytes[this.#runs[slot >> 10].class];
  }

  #addRun(index: number): number {
    const page = this.#arena.allocate(RUN_PAGES);
    if (page < 0) return -1;
    const slots = classSlots[index];
    const run: Run = {
      page,
      class: index,
      room: slots,
      free: new Int32Array((slots + 31) >> 5).fill(-1),
      next: FULL,
      previous: FULL,
    };
    if (slots & 31) run.free[run.free.length - 1] = (1 << (slots & 31)) - 1;
    const number = this.#spareRuns.pop() ?? this.#runs.length;
    this.#runs[number] = run;
    this.#link(number, run);
    return number;
  }

  #link(number: number, run: Run): void {
    const head = this.#heads[run.class];
    run.next = head;
    run.previous = -1;
    if (head >= 0) this.#runs[head].previous = number;
    this.#heads[run.class] = number;
  }

  #unlink(number: number, run: Run): void {
    if (run.previous >= 0) this.#runs[run.previous].next = run.next;
    else if (this.#heads[run.class] === number) this.#heads[run.class] = run.next;
    if (run.next >= 0) this.#runs[run.next].previous = run.previous;
    run.next = FULL;
    run.previous = FULL;
  }
}

interface Run {
  readonly page: number;
  readonly class: number;
  room: number;
  /** One bit a slot, set when it is free. */
  readonly free: Int32Array;
  next: number;
  previous: number;
}

function takeFirstFree(free: Int32Array): number {
  let word = 0;
  while (free[word] === 0) word++;
  const bit = free[word] & -free[word];
  free[word] &= ~bit;
  return (word << 5) + 31 - Math.clz32(bit);
}
