import type { Tokens } from "../keys/hash/chunk-hasher.ts";
import type { BlockStore } from "../store/contract.ts";
import type { Logger } from "../observe/logger.ts";

/** What must be equal for the values of two prompts to be interchangeable. */
export interface KvNamespace {
  /** The model's name, as keys show it; `@` and control characters become `_`. */
  readonly model: string;
  /** Which weights exactly: a commit, or a hash of the file. Default none. */
  readonly revision?: string | undefined;
  /** Element type as LMCache spells it: `float16`, `bfloat16`, `q8_0`. Lower case letters, digits, `_`. */
  readonly dtype: string;
  /** How the bytes of a chunk lie, with a version of it. Default none. */
  readonly layout?: string | undefined;
  /** Parallel ranks that share the model. Default 1. */
  readonly worldSize?: number | undefined;
  /** The rank whose values these are. Default 0. */
  readonly rank?: number | undefined;
  /** The LoRA adapters in use, with their scales. Default none. */
  readonly lora?: string | undefined;
  /** Keeps tenants apart: who does not know the salt finds nothing. Default none. */
  readonly salt?: string | undefined;
}

export interface KvEngineOptions {
  /** Where blocks are: any store, or the URL of one, as `--remote` takes it. A store given is not closed. */
  readonly store: BlockStore | string;
  readonly namespace: KvNamespace;
  /** Tokens of a chunk, 1 to 2^24. Default 32; see docs/node-inference.md for what it costs and gives. */
  readonly chunkSize?: number | undefined;
  /** Separate key space of the store, 0 (default) to 255. */
  readonly keyspace?: number | undefined;
  /** Milliseconds for a lookup or retrieve before it is a miss. Default 2000. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds for a store before what is left of it has failed. Default 30,000. */
  readonly storeDeadlineMs?: number | undefined;
  /** Calls that read, and calls that store, at work at once; others wait in order. Default 4 of each. */
  readonly concurrency?: number | undefined;
  /** Calls of each kind that may wait; further ones are turned down at once. Default 1024. */
  readonly queueCalls?: number | undefined;
  /** Bytes that all stores under way may hold together; further ones wait. Default 256 MiB. */
  readonly queueBytes?: number | undefined;
  /** Milliseconds until a stored chunk is forgotten. Default: never. */
  readonly ttlMs?: number | undefined;
  /** Hears of damaged blocks and of stores that fail. Default: nobody does. */
  readonly logger?: Logger | undefined;
}

/** A prompt: token ids, whole numbers from 0. */
export type PromptTokens = Tokens | readonly number[];

/** A run of tokens of a prompt, `end` not included. */
export interface TokenRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Why tokens were not found.
 *
 * - `absent`: nobody stored them, or they were evicted
 * - `too-short`: fewer tokens than a chunk, and no tail of them is stored
 * - `damaged`: what was found failed its check, and was dropped
 * - `timeout`: the store did not answer before the deadline
 * - `store-failed`: the store could not be asked
 * - `busy`: too many calls wait already
 * - `no-room`: the caller had no memory for the value
 * - `closed`: the engine is closed
 */
export type MissReason =
  "absent" | "too-short" | "damaged" | "timeout" | "store-failed" | "busy" | "no-room" | "closed";

/** Tokens in a row that one tier or store has. */
export interface TierTokens {
  /** The store's name: `ram`, `ssd`, `valkey`, `lm`. */
  readonly tier: string;
  readonly tokens: number;
}

interface Found {
  /** Leading tokens of the prompt that are there. */
  readonly prefixTokens: number;
  /** Which tier has how many of them, nearest first. */
  readonly tiers: readonly TierTokens[];
}

/** What of a prompt is there. */
export type LookupResult =
  | ({ readonly status: "HIT" } & Found)
  | ({
      readonly status: "PARTIAL";
      readonly missing: TokenRange;
      readonly reason: MissReason;
    } & Found)
  | ({
      readonly status: "MISS";
      readonly missing: TokenRange;
      readonly reason: MissReason;
    } & Found);

export interface KvCallOptions {
  /** Stops the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface LookupOptions extends KvCallOptions {
  /** Whether the partial last chunk counts, if somebody stored it. Default true. */
  readonly tail?: boolean | undefined;
}

export interface RetrieveOptions extends LookupOptions {
  /** Most tokens that are wanted. Default: all; an engine that must evaluate one token asks for one less. */
  readonly maxTokens?: number | undefined;
  /**
   * Where a chunk's value of `bytes` bytes goes; `undefined`: it is not wanted, and what follows neither.
   * May be asked for a chunk that then turns out to be damaged. Default: views of the store's own memory,
   * valid until the result is released.
   */
  readonly into?: ((range: TokenRange, bytes: number) => Uint8Array | undefined) | undefined;
}

/** The value of one chunk; `end - start` is less than the chunk size for a tail only. */
export interface KvChunk extends TokenRange {
  /** The value as it was stored, checked. */
  readonly bytes: Uint8Array;
  /** Tokens from `start` on that this value is used for; fewer than it has when `maxTokens` cuts it. */
  readonly tokens: number;
}

/** What {@link LookupResult} says, with the values. Release it soon, by `using` or `release`. */
export type RetrieveResult = LookupResult &
  Disposable & {
    /** Chunks in a row from token 0 on. */
    readonly chunks: readonly KvChunk[];
    /** Bytes of all values. */
    readonly bytes: number;
    /** Milliseconds until it was known what is there, and until the values were. */
    readonly times: { readonly findMs: number; readonly fetchMs: number };
    /** Gives the store its memory back. Further calls do nothing. */
    release(): void;
  };

/** A chunk's value: whole, or in parts that follow each other. Free to reuse once `store` resolves. */
export type ChunkValue = Uint8Array | readonly Uint8Array[];

/** Makes the value of a chunk that is not there yet; `undefined`: it cannot be had. */
export type ChunkSource = (
  range: TokenRange,
) => ChunkValue | undefined | Promise<ChunkValue | undefined>;

export interface KvStoreOptions extends KvCallOptions {
  /**
   * Positions in the prompt up to which a partial last chunk is stored, so that a prompt that ends or
   * forks there is found to the token. Default: the prompt's end.
   */
  readonly tails?: readonly number[] | undefined;
  /** What to do when `queueBytes` are used up: wait (default), or skip with the reason `busy`. */
  readonly whenBusy?: "wait" | "skip" | undefined;
}

/** Why a chunk was not stored: it is there, there is no room for more calls, or the source had none. */
export type SkipReason = "present" | "busy" | "no-value" | "closed";

/** Why storing failed. */
export type FailReason = "too-large" | "no-room" | "closed" | "failed" | "timeout";

/** What became of one chunk. */
export type ChunkOutcome = TokenRange &
  (
    | { readonly status: "STORED"; readonly bytes: number }
    | { readonly status: "SKIPPED"; readonly reason: SkipReason }
    | { readonly status: "FAILED"; readonly reason: FailReason }
  );

/** What became of a prompt: STORED if anything was, else FAILED if anything did, else SKIPPED. */
export interface StoreResult {
  readonly status: "STORED" | "SKIPPED" | "FAILED";
  /** Of the first chunk that was not stored. */
  readonly reason?: SkipReason | FailReason | undefined;
  readonly outcomes: readonly ChunkOutcome[];
  readonly storedTokens: number;
  readonly storedBytes: number;
}

/** A hold on the chunks of a prompt. */
export interface KvPin extends Disposable {
  /** Leading tokens that are held. */
  readonly tokens: number;
  /**
   * `pinned`: they do not leave the store for want of room. `held`: the store cannot pin, and they are kept
   * in this process's memory.
   */
  readonly how: "pinned" | "held";
  /** Ends it. Further calls do nothing. */
  release(): void;
}

/** Plain counters since the engine began, but for those that say "now". */
export interface KvEngineStats {
  readonly lookups: number;
  readonly retrieves: number;
  readonly stores: number;
  /** Tokens that were asked for, and those of them that were there. */
  readonly requestedTokens: number;
  readonly hitTokens: number;
  readonly hitBytes: number;
  readonly storedChunks: number;
  readonly storedBytes: number;
  readonly skippedChunks: number;
  readonly failedChunks: number;
  /** Blocks that failed their check. */
  readonly damagedChunks: number;
  /** Misses by their reason. */
  readonly misses: Readonly<Record<MissReason, number>>;
  /** Calls at work now, and waiting now. */
  readonly activeCalls: number;
  readonly waitingCalls: number;
  /** Bytes of stores under way now. */
  readonly queuedBytes: number;
}
