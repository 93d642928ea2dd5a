/** Garbage collections of a stretch of time, as `node --trace-gc` tells them. Milliseconds. */
export interface GcCount {
  scavenges: number;
  markCompacts: number;
  pauseMs: number;
  longestMs: number;
}

// "[4711:0x5c0]   46 ms: Scavenge 4.2 (5.0) -> 3.6 (6.0) MB, 0.63 / 0.00 ms (average mu = ..."
const event = /\d+ ms: (Scavenge|Minor Mark-\w+|Mark-\w+).*? MB, (?:pooled: [^,]*, )?([\d.]+) \//;

/** Counts the collections of a process from its lines of `--trace-gc`. */
export class GcTrace {
  #count: GcCount = nothing();

  readonly onLine = (line: string): void => {
    const [, kind, ms] = event.exec(line) ?? [];
    if (kind === undefined) return;
    if (kind.startsWith("Mark")) this.#count.markCompacts++;
    else this.#count.scavenges++;
    this.#count.pauseMs += Number(ms);
    this.#count.longestMs = Math.max(this.#count.longestMs, Number(ms));
  };

  /** What happened since the last call. */
  take(): GcCount {
    const count = this.#count;
    this.#count = nothing();
    return count;
  }
}

function nothing(): GcCount {
  return { scavenges: 0, markCompacts: 0, pauseMs: 0, longestMs: 0 };
}
