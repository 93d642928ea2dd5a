import type { Clock } from "../util/clock.ts";

/** A clock that stands still until told otherwise. */
export class FakeClock implements Clock {
  #now: number;

  constructor(now: number = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** Lets `ms` milliseconds pass. */
  advance(ms: number): void {
    this.#now += ms;
  }
}
