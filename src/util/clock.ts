/** Where time comes from. Injected, so that tests advance time instead of waiting for it. */
export interface Clock {
  /** Wall-clock milliseconds since 1970. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
