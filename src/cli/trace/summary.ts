import type { TraceRequest } from "./request.ts";

/** What a trace amounts to. */
export interface TraceSummary {
  readonly requests: number;
  /** Sum of the requests' blocks. */
  readonly blocks: number;
  readonly uniqueBlocks: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly longestInput: number;
  /** From first to last arrival, in the trace's unit. */
  readonly span: number;
  /** Tokens of a block that fit the most requests' lengths; 0 when none does. */
  readonly blockTokens: number;
  /** Block hit rate of a cache that never forgets, 0 to 1: what no real one exceeds. */
  readonly maxHitRate: number;
}

/** Adds requests up, one by one. */
export class TraceCounter {
  readonly #seen = new Set<number>();
  readonly #fits = new Map([16, 32, 64, 128, 256, 512, 1024].map((tokens) => [tokens, 0]));
  #requests = 0;
  #blocks = 0;
  #hits = 0;
  #inputTokens = 0;
  #outputTokens = 0;
  #longestInput = 0;
  #first = 0;
  #last = 0;

  add({ timestamp, inputLength, outputLength, hashIds }: TraceRequest): void {
    if (this.#requests++ === 0) this.#first = timestamp;
    this.#last = Math.max(this.#last, timestamp);
    this.#blocks += hashIds.length;
    this.#inputTokens += inputLength;
    this.#outputTokens += outputLength;
    this.#longestInput = Math.max(this.#longestInput, inputLength);
    let hits = 0;
    while (hits < hashIds.length && this.#seen.has(hashIds[hits])) hits++;
    this.#hits += hits;
    for (const id of hashIds) this.#seen.add(id);
    for (const [tokens, count] of this.#fits)
      if (Math.ceil(inputLength / tokens) === hashIds.length) this.#fits.set(tokens, count + 1);
  }

  /** All block ids seen so far. */
  get ids(): ReadonlySet<number> {
    return this.#seen;
  }

  summary(): TraceSummary {
    const [blockTokens, fit] = [...this.#fits].reduce((best, next) =>
      next[1] > best[1] ? next : best,
    );
    return {
      requests: this.#requests,
      blocks: this.#blocks,
      uniqueBlocks: this.#seen.size,
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      longestInput: this.#longestInput,
      span: this.#last - this.#first,
      blockTokens: fit === 0 ? 0 : blockTokens,
      maxHitRate: this.#blocks === 0 ? 0 : this.#hits / this.#blocks,
    };
  }
}
