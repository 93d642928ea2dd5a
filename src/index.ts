export { KeepwarmError, type ErrorCode, errorCodes, isKeepwarmError } from "./errors.ts";
export type { Block } from "./store/block.ts";
export type {
  BlockStore,
  CallOptions,
  EntryInfo,
  GetOptions,
  Key,
  PutEntry,
  PutOptions,
  PutOutcome,
  RejectReason,
  ScanOptions,
  StoreCapabilities,
  StoreStats,
} from "./store/contract.ts";
export {
  type LmcacheConfig,
  type LmcacheSources,
  loadLmcacheConfig,
} from "./config/lmcache/load.ts";
export type { LmcacheNamespace } from "./config/lmcache/namespace.ts";
export type { LmcacheRemote } from "./config/lmcache/remote.ts";
export { RedisManager } from "./config/managers/redis-manager.ts";
export { ValkeyManager } from "./config/managers/valkey-manager.ts";
export { MetricsChannel } from "./metrics-channel/channel/metrics-channel.ts";
export type { MetricsChannelOptions } from "./metrics-channel/channel/options.ts";
export type { TokenSample } from "./metrics-channel/channel/sample.ts";
export type { ManagerOptions } from "./metrics-channel/manager/options.ts";
export { LmStore } from "./backends/lm/lm-store.ts";
export type { LmStoreStats } from "./backends/lm/lm-store.ts";
export type { LmDescription, LmStoreOptions } from "./backends/lm/store-options.ts";
export { valkeyOptionsFromEnvironment } from "./backends/valkey/environment.ts";
export type {
  HicacheFormat,
  LmcachePairFormat,
  PairGeneration,
  ValkeyFormat,
} from "./backends/valkey/formats/options.ts";
export type { PairGroup, PairMetadata } from "./backends/valkey/formats/pair-metadata.ts";
export type { NodeStats } from "./backends/valkey/node.ts";
export type { TlsOptions } from "./backends/valkey/read-socket.ts";
export type { ValkeyServerStats } from "./backends/valkey/server-stats.ts";
export type { ValkeyStoreOptions } from "./backends/valkey/store-options.ts";
export type { DurationStats, ValkeyStoreStats } from "./backends/valkey/store-stats.ts";
export { type ReadInto, ValkeyStore } from "./backends/valkey/valkey-store.ts";
export {
  type CodecName,
  codecNames,
  type DecodeOptions,
  type EncodeOptions,
} from "./codecs/codec.ts";
export type { Dtype } from "./codecs/dtypes.ts";
export { decodeBlock, decodedBytes, encodeBlock } from "./codecs/encoded-block.ts";
export { type BlockLayout, type MemoryFormat, type Tensor, tensorOf } from "./codecs/tensor.ts";
export type { CodecChoice, CodingStats } from "./store/wrappers/block-coding.ts";
export {
  CodecStore,
  type CodecStoreOptions,
  type CodecStoreStats,
} from "./store/wrappers/codec-store.ts";
export { TieredStore } from "./store/tiered-store.ts";
export { type PolicyName, policyNames } from "./store/policies/index.ts";
export { TierChain, type TierChainOptions } from "./tiers/chain/tier-chain.ts";
export type { WriteMode } from "./tiers/chain/write-policy.ts";
export {
  type Departure,
  DepartureLog,
  type DepartureLogOptions,
  type DepartureReason,
} from "./tiers/departure-log.ts";
export { LocalStore, type LocalStoreOptions } from "./tiers/local-store.ts";
export { RamStore } from "./tiers/ram-store.ts";
export { RamTier, type RamTierOptions } from "./tiers/ram/ram-tier.ts";
export { SsdStore } from "./tiers/ssd/ssd-store.ts";
export { SsdTier, type SsdTierOptions } from "./tiers/ssd/ssd-tier.ts";
export type { Logger } from "./observe/logger.ts";
export { KvEngine } from "./engine/kv-engine.ts";
export type {
  ChunkOutcome,
  ChunkSource,
  ChunkValue,
  FailReason,
  KvCallOptions,
  KvChunk,
  KvEngineOptions,
  KvEngineStats,
  KvNamespace,
  KvPin,
  KvStoreOptions,
  LookupOptions,
  LookupResult,
  MissReason,
  PromptTokens,
  RetrieveOptions,
  RetrieveResult,
  SkipReason,
  StoreResult,
  TierTokens,
  TokenRange,
} from "./engine/types.ts";
export { LmServer } from "./fronts/lm/server.ts";
export type { LmLimits, LmServerOptions } from "./fronts/lm/options.ts";
export type { LmStats } from "./fronts/lm/stats.ts";
export { RespServer } from "./fronts/resp/server.ts";
export type { RespLimits, RespServerOptions } from "./fronts/resp/options.ts";
export { version } from "./util/version.ts";
