import { Histogram } from "../../observe/histogram.ts";
import { inLanes } from "../load/lanes.ts";
import { latencySummary, type LatencySummary } from "../load/latency.ts";
import type { BlockPattern } from "../load/pattern.ts";
import type { TraceRequest } from "./request.ts";

/** The store that a replay drives. */
export interface ReplayStore {
  /** How many leading keys of a chain are there. */
  match(keys: readonly string[]): Promise<number>;
  /** Reads into `memory`; nothing when the key is not there. */
  get(key: string, memory: Uint8Array): Promise<number | undefined>;
  put(key: string, parts: readonly Uint8Array[]): Promise<void>;
}

/** One of the requests in flight: a way to the store, and memory to read into. */
interface ReplayLane {
  readonly store: ReplayStore;
  readonly memory: Buffer;
}

export interface ReplayOptions {
  /** Blocks move through all lanes at once; chains are matched through the first. At least one. */
  readonly lanes: readonly ReplayLane[];
  readonly pattern: BlockPattern;
  /** Tokens of one block, for the token hit rate. */
  readonly blockTokens: number;
  readonly keyOf: (id: number) => string;
  readonly signal?: AbortSignal;
  /** Called after each request. */
  readonly progress?: (soFar: ReplayCounts) => void;
}

/** What happened. Bytes are those of values. */
export interface ReplayCounts {
  requests: number;
  /** Blocks asked for. */
  blocks: number;
  /** Leading blocks that were there when their request came. */
  hitBlocks: number;
  tokens: number;
  hitTokens: number;
  gets: number;
  getBytes: number;
  puts: number;
  putBytes: number;
  /** Blocks that were matched and gone when they were read; they are stored again. */
  lost: number;
  /** Blocks that came back with other bytes than were stored. */
  corrupt: number;
}

export interface ReplayResult extends ReplayCounts {
  readonly elapsedMs: number;
  /** Time in which blocks were read, and written. */
  readonly getMs: number;
  readonly putMs: number;
  readonly matchLatency: LatencySummary;
  readonly getLatency: LatencySummary;
  readonly putLatency: LatencySummary;
}

/**
 * Drives a store with requests, one after the other: match the chain, store what is missing, read
 * what is there. Each block is touched once and the deepest first, so that block 0 is the most
 * recent and chains are forgotten from their tail. No request starts before the one before it has
 * ended: hit rates depend on the order, and so does a comparison of two stores.
 */
export async function replay(
  requests: AsyncIterable<TraceRequest> | Iterable<TraceRequest>,
  options: ReplayOptions,
): Promise<ReplayResult> {
  const run = new Replay(options);
  const started = performance.now();
  for await (const request of requests) {
    options.signal?.throwIfAborted();
    await run.request(request);
    options.progress?.(run.counts);
  }
  return run.result(performance.now() - started);
}

class Replay {
  readonly counts: ReplayCounts = {
    requests: 0,
    blocks: 0,
    hitBlocks: 0,
    tokens: 0,
    hitTokens: 0,
    gets: 0,
    getBytes: 0,
    puts: 0,
    putBytes: 0,
    lost: 0,
    corrupt: 0,
  };
  readonly #options: ReplayOptions;
  readonly #match = new Histogram();
  readonly #get = new Histogram();
  readonly #put = new Histogram();
  #getMs = 0;
  #putMs = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  async request({ hashIds, inputLength }: TraceRequest): Promise<void> {
    const { lanes, keyOf, blockTokens } = this.#options;
    const keys = hashIds.map(keyOf);
    const asked = performance.now();
    const hits = keys.length === 0 ? 0 : await lanes[0].store.match(keys);
    const matched = performance.now();
    this.#match.record(matched - asked);
    await inLanes(deepestFirst(hits, keys.length), lanes, (at, lane) =>
      this.#store(hashIds[at], keys[at], lane),
    );
    const stored = performance.now();
    await inLanes(deepestFirst(0, hits), lanes, (at, lane) =>
      this.#read(hashIds[at], keys[at], lane),
    );
    this.#putMs += stored - matched;
    this.#getMs += performance.now() - stored;
    this.counts.requests++;
    this.counts.blocks += keys.length;
    this.counts.hitBlocks += hits;
    this.counts.tokens += inputLength;
    this.counts.hitTokens += Math.min(hits * blockTokens, inputLength);
  }

  result(elapsedMs: number): ReplayResult {
    return {
      ...this.counts,
      elapsedMs,
      getMs: this.#getMs,
      putMs: this.#putMs,
      matchLatency: latencySummary(this.#match),
      getLatency: latencySummary(this.#get),
      putLatency: latencySummary(this.#put),
    };
  }

  async #store(id: number, key: string, { store }: ReplayLane): Promise<void> {
    const { pattern } = this.#options;
    const started = performance.now();
    await store.put(key, pattern.parts(id));
    this.#put.record(performance.now() - started);
    this.counts.puts++;
    this.counts.putBytes += pattern.blockBytes;
  }

  async #read(id: number, key: string, lane: ReplayLane): Promise<void> {
    const started = performance.now();
    const length = await lane.store.get(key, lane.memory);
    this.#get.record(performance.now() - started);
    if (length === undefined) {
      this.counts.lost++;
      return this.#store(id, key, lane);
    }
    this.counts.gets++;
    this.counts.getBytes += length;
    if (!this.#options.pattern.matches(id, lane.memory, length)) this.counts.corrupt++;
  }
}

function* deepestFirst(from: number, to: number): Generator<number> {
  for (let at = to - 1; at >= from; at--) yield at;
}
