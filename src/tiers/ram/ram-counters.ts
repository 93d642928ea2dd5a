/** What the RAM tier counts: plain numbers, added to on the hot path, read when somebody asks. */
export class RamCounters {
  hits = 0;
  misses = 0;
  hitBytes = 0;
  stored = 0;
  storedBytes = 0;
  evicted = 0;
  evictedBytes = 0;
  expired = 0;
  rejected = 0;

  /** Starts over (CONFIG RESETSTAT). */
  reset(): void {
    for (const name of Object.keys(this) as (keyof RamCounters & string)[])
      if (typeof this[name] === "number") (this as unknown as Record<string, number>)[name] = 0;
  }
}
