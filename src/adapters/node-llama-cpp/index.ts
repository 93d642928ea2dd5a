export type { KeepReport, ReuseReason, ReuseReport } from "../shared/report.ts";
export { LlamaKvCache } from "./llama-kv-cache.ts";
export type {
  AttachedSequence,
  LlamaContextLike,
  LlamaKvCacheOptions,
  LlamaKvCacheStats,
  LlamaModelLike,
  LlamaSequenceLike,
} from "./types.ts";
