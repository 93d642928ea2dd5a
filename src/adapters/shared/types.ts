import type { Logger } from "../../observe/logger.ts";
import type { BlockStore } from "../../store/contract.ts";
import type { KeepReport, ReuseReport } from "./report.ts";

/** What the cache of a model takes, whatever runs the model. */
export interface KvCacheOptions {
  /** Where blocks are: any store, or the URL of one, as `--remote` takes it. A store given is not closed. */
  readonly store: BlockStore | string;
  /** Keeps tenants apart: who does not know the salt finds nothing. Default none. */
  readonly salt?: string | undefined;
  /** Tokens less than which more are not worth restoring. Default 8. */
  readonly minGainTokens?: number | undefined;
  /** Whether what was generated is stored too, for the next turn of a chat. Default true. */
  readonly storeGenerated?: boolean | undefined;
  /** Bytes that may wait to be stored; what comes on top is not stored. Default 512 MiB. */
  readonly budgetBytes?: number | undefined;
  /** Milliseconds for finding and fetching, after which the prompt is evaluated. Default 2000. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds until a stored chunk is forgotten. Default: never. */
  readonly ttlMs?: number | undefined;
  /** Hears what was reused for a prompt, before it is evaluated. */
  readonly onReuse?: ((report: ReuseReport) => void) | undefined;
  /** Hears what was stored, after it was. */
  readonly onKeep?: ((report: KeepReport) => void) | undefined;
  readonly logger?: Logger | undefined;
}

/** A sequence or model whose prompts come from the store and go there. */
export interface Attached {
  /** What was reused for the last prompt. */
  readonly lastReuse: ReuseReport | undefined;
  /** What was stored last. */
  readonly lastKeep: KeepReport | undefined;
  /** Why this sequence or model is not served, if it is not. */
  readonly declined: string | undefined;
  /** Resolves when nothing waits to be stored any more. */
  settled(): Promise<void>;
}

/** Plain counters since the cache began. */
export interface KvCacheStats {
  readonly prompts: number;
  readonly promptTokens: number;
  readonly restoredTokens: number;
  readonly restoredBytes: number;
  readonly storedTokens: number;
  readonly storedBytes: number;
  /** States or prompts that were not stored because too much waited. */
  readonly overBudget: number;
  readonly pendingBytes: number;
}
