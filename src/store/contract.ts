import type { Block } from "./block.ts";

/** A block's name: at most 1 KiB of any bytes. A string stands for its UTF-8 bytes. */
export type Key = string | Uint8Array;

export const MAX_KEY_BYTES = 1024;

/** What a store can do. Fixed for its life; the contract suite reads it to know which tests apply. */
export interface StoreCapabilities {
  /** Blocks outlive the process. */
  readonly persistent: boolean;
  /** `ttlMs` of an entry is kept. */
  readonly ttl: boolean;
  /** {@link BlockStore.scan} lists what is stored. */
  readonly scan: boolean;
  /** May drop blocks on its own to make room. */
  readonly evicts: boolean;
  /** The largest block it takes, in bytes. */
  readonly maxBlockBytes: number;
}

export interface CallOptions {
  /** Stops the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Separate key spaces of one store, 0 (default) to 255: what SELECT chooses in Redis. */
  readonly keyspace?: number;
}

export type GetOptions = CallOptions;

export type PutOptions = CallOptions;

export interface PutEntry {
  readonly key: Key;
  /** The block's bytes, whole or in parts that follow each other. Free to reuse once `put` resolves. */
  readonly value: Uint8Array | readonly Uint8Array[];
  /** Milliseconds until the block is forgotten. Default: never. */
  readonly ttlMs?: number;
  /** Leave a block that is there alone. Default: replace it. */
  readonly ifAbsent?: boolean;
}

/** Why a block was not stored. A rejected put is a miss later, never an error. */
export type RejectReason = "too-large" | "no-room" | "closed" | "failed";

export type PutOutcome =
  | { readonly status: "stored" }
  | { readonly status: "exists" }
  | { readonly status: "rejected"; readonly reason: RejectReason };

export interface ScanOptions extends CallOptions {
  /** Only keys that begin with these bytes. */
  readonly prefix?: Key;
}

export interface EntryInfo {
  readonly key: Uint8Array;
  /** Bytes of the block. */
  readonly bytes: number;
  /** Milliseconds it has left, or `undefined` for no limit. */
  readonly ttlMs: number | undefined;
  /** Milliseconds since its last use. */
  readonly idleMs: number;
  /** Times it was read. */
  readonly hits: number;
}

/** Plain counters since the store began, but for those that say "now". */
export interface StoreStats {
  readonly name: string;
  /** Bytes it may take, with all overhead; `Infinity` when it has no limit of its own. */
  readonly capacityBytes: number;
  /** Bytes taken now, with all overhead. */
  readonly usedBytes: number;
  /** Bytes of the blocks themselves now. */
  readonly valueBytes: number;
  /** Blocks now. */
  readonly blocks: number;
  readonly hits: number;
  readonly misses: number;
  readonly hitBytes: number;
  readonly stored: number;
  readonly storedBytes: number;
  readonly evicted: number;
  readonly evictedBytes: number;
  readonly expired: number;
  readonly rejected: number;
}

/**
 * What every tier, backend, wrapper and chain of them is. Batch first, promises only.
 *
 * - Results stand at the index of their key. A batch names the keys of a chain from its first chunk
 *   on; a store that evicts lets the later ones of a batch go first.
 * - A block that can't be had for any reason is a miss, a block that can't be kept is a rejection
 *   with its reason. Only programmer mistakes (`TypeError`) and the caller's own `signal` reject.
 * - Two puts of one key: the last one wins, readers see one or the other whole.
 */
export interface BlockStore {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  /** The blocks, each to be released by the caller; `undefined` where there is none. */
  get(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]>;
  put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]>;
  /** How many keys are present in a row, from the first on: the prefix hit of a chain. */
  match(keys: readonly Key[], options?: CallOptions): Promise<number>;
  has(keys: readonly Key[], options?: CallOptions): Promise<boolean[]>;
  /** How many of the keys were present and are now gone. */
  delete(keys: readonly Key[], options?: CallOptions): Promise<number>;
  /** Everything that is stored during the whole walk, once; what comes or goes meanwhile, maybe. */
  scan(options?: ScanOptions): AsyncIterable<EntryInfo>;
  stats(): StoreStats;
  /** Ends the store; later calls miss and reject. Closing twice is allowed. */
  close(): Promise<void>;
}
