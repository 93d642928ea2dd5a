/** How bad a failure is: points towards {@link breakingPoint}. */
export const Failure = {
  /** A connection that worked broke. */
  lost: 1,
  /** A call's time was over while the server answered others. */
  slow: 4,
  /** It cannot be reached, or says nothing at all. */
  dead: 12,
} as const;
export type Failure = (typeof Failure)[keyof typeof Failure];

const breakingPoint = 12;
const firstPauseMs = 50;
const longestPauseMs = 5000;

/**
 * - `closed`: calls go through.
 * - `open`: calls fail at once until a probe has been answered.
 * - `trial`: a probe was answered, calls go through, and the first failure that is no mere loss
 *   opens it again for longer.
 */
export type BreakerState = "closed" | "open" | "trial";

/** Decides whether a server is worth asking. Knows no time: who opens it, waits and probes. */
export class Breaker {
  readonly #random: () => number;
  #state: BreakerState = "closed";
  #points = 0;
  #pauses = 0;

  /** @param random From 0 to 1, so that many clients do not come back at the same moment. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** A call was answered. Whoever answers while it is open was asked before; that proves nothing. */
  success(): void {
    if (this.#state === "open") return;
    this.#state = "closed";
    this.#points = 0;
    this.#pauses = 0;
  }

  /** A call failed. Returns whether that opened the breaker. */
  failure(failure: Failure): boolean {
    if (this.#state === "open") return false;
    this.#points += failure;
    const limit = this.#state === "trial" ? Failure.slow : breakingPoint;
    if (this.#points < limit) return false;
    this.#state = "open";
    return true;
  }

  /** Milliseconds until the next probe: each time twice as long, and somewhere in its second half. */
  pauseMs(): number {
    const longest = Math.min(firstPauseMs * 2 ** this.#pauses++, longestPauseMs);
    return longest * (0.5 + this.#random() / 2);
  }

  /** A probe was answered. */
  tryAgain(): void {
    this.#state = "trial";
    this.#points = 0;
  }
}
