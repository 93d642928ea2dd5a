export type { KeepReport, ReuseReason, ReuseReport } from "../shared/report.ts";
export { TransformersKvCache } from "./transformers-kv-cache.ts";
export type {
  AttachedModel,
  PastKeyValues,
  RestoredCache,
  TensorLike,
  TransformersKvCacheOptions,
  TransformersKvCacheStats,
  TransformersLike,
  TransformersModelLike,
} from "./types.ts";
