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

  /** A plain copy. */
  snapshot(): Omit<RamCounters, "snapshot" | "reset"> {
    return Object.assign({}, this);
  }

  /** Starts over (CONFIG RESETSTAT). */
  reset(): void {
    Object.assign(this, new RamCounters());
  }
}
