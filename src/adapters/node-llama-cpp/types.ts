import type { KeepReport, ReuseReport } from "../shared/report.ts";
import type { Attached, KvCacheOptions, KvCacheStats } from "../shared/types.ts";

/** What of node-llama-cpp's `LlamaModel` is used. */
export interface LlamaModelLike {
  readonly fileInfo: { readonly metadata: object };
  readonly filename?: string | undefined;
}

/** What of node-llama-cpp's `LlamaContext` is used. */
export interface LlamaContextLike {
  readonly model: LlamaModelLike;
  readonly contextSize: number;
}

/** What of node-llama-cpp's `LlamaContextSequence` is used. Versions 3.22 and later of 3 have it. */
export interface LlamaSequenceLike {
  readonly context: LlamaContextLike;
  readonly contextSize: number;
  readonly contextTokens: number[];
  readonly nextTokenIndex: number;
  readonly needsCheckpoints: boolean;
  readonly disposed: boolean;
  compareContextTokens(tokens: never[]): { firstDifferentIndex: number };
  adaptStateToTokens(tokens: never[], allowShift?: boolean): Promise<void>;
  clearHistory(): Promise<void>;
  eraseContextTokenRanges(ranges: { start: number; end: number }[]): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: never[], options?: object): Promise<void>;
  saveStateToFile(path: string): Promise<{ fileSize: number }>;
  loadStateFromFile(path: string, acceptRisk: { acceptRisk: true }): Promise<void>;
}

export interface LlamaKvCacheOptions extends KvCacheOptions {
  /** The GGUF file that the model was loaded from; the first one of several. */
  readonly modelPath: string;
  /**
   * The LoRA adapters of the contexts, with their scales, in any words that always mean the same. Default
   * none; a context that has some is then not served.
   */
  readonly lora?: string | undefined;
  /** Tokens of a chunk. Default 16; docs/node-inference.md says what it costs and gives. */
  readonly chunkSize?: number | undefined;
  /** A folder for state files, best in memory. Default /dev/shm where it can be used, else the system's. */
  readonly scratchFolder?: string | undefined;
}

/** A sequence whose prompts come from the store and go there. */
export interface AttachedSequence<Sequence extends LlamaSequenceLike> extends Attached {
  /** The sequence itself, as it was given: use it as ever, in LlamaChatSession, LlamaCompletion or alone. */
  readonly sequence: Sequence;
  /**
   * Brings as much of `tokens` into the sequence as it and the store have, and takes out what differs, as
   * `adaptStateToTokens(tokens, false)` does, which calls this. Evaluate
   * `tokens.slice(sequence.nextTokenIndex)` next; leave a prompt's last token out of `tokens`.
   */
  restore(tokens: readonly number[], options?: { signal?: AbortSignal }): Promise<ReuseReport>;
  /** Stores now what the sequence has and the store has not. Else it is done when an evaluation ends. */
  keep(): Promise<KeepReport>;
  /** Gives the sequence its own methods back. What waits to be stored still is. */
  detach(): void;
}

/** Plain counters since the cache began. */
export type LlamaKvCacheStats = KvCacheStats;
