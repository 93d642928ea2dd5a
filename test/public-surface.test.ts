import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as llama from "../src/adapters/node-llama-cpp/index.ts";
import * as transformers from "../src/adapters/transformers/index.ts";
import * as keepwarm from "../src/index.ts";
import * as metricsChannel from "../src/metrics-channel.ts";
import * as testing from "../src/testing/index.ts";

/** The names that a door of the package exports, types marked as such. */
function namesOf(door: string): string[] {
  const text = readFileSync(new URL(`../src/${door}`, import.meta.url), "utf8");
  return [...text.matchAll(/export (type )?\{([^}]+)\} from/g)]
    .flatMap(([, allTypes, list]) =>
      list
        .split(",")
        .map((name) => name.trim())
        .filter(Boolean)
        .map((name) => (allTypes === undefined ? name : `type ${name}`)),
    )
    .toSorted();
}

const valuesOf = (names: readonly string[]) => names.filter((name) => !name.startsWith("type "));

test("keepwarm", () => {
  const names = namesOf("index.ts");
  expect(valuesOf(names)).toEqual(Object.keys(keepwarm).toSorted());
  expect(names).toMatchInlineSnapshot(`
    [
      "CodecStore",
      "DepartureLog",
      "KeepwarmError",
      "KvEngine",
      "LmServer",
      "LmStore",
      "LocalStore",
      "MetricsChannel",
      "RamStore",
      "RamTier",
      "RedisManager",
      "RespServer",
      "SsdStore",
      "SsdTier",
      "TierChain",
      "TieredStore",
      "ValkeyManager",
      "ValkeyStore",
      "codecNames",
      "decodeBlock",
      "decodedBytes",
      "encodeBlock",
      "errorCodes",
      "isKeepwarmError",
      "loadLmcacheConfig",
      "policyNames",
      "tensorOf",
      "type Block",
      "type BlockLayout",
      "type BlockStore",
      "type CallOptions",
      "type ChunkOutcome",
      "type ChunkSource",
      "type ChunkValue",
      "type CodecChoice",
      "type CodecName",
      "type CodecStoreOptions",
      "type CodecStoreStats",
      "type CodingStats",
      "type DecodeOptions",
      "type Departure",
      "type DepartureLogOptions",
      "type DepartureReason",
      "type Dtype",
      "type DurationStats",
      "type EncodeOptions",
      "type EntryInfo",
      "type ErrorCode",
      "type FailReason",
      "type GetOptions",
      "type HicacheFormat",
      "type Key",
      "type KvCallOptions",
      "type KvChunk",
      "type KvEngineOptions",
      "type KvEngineStats",
      "type KvNamespace",
      "type KvPin",
      "type KvStoreOptions",
      "type LmDescription",
      "type LmLimits",
      "type LmServerOptions",
      "type LmStats",
      "type LmStoreOptions",
      "type LmStoreStats",
      "type LmcacheConfig",
      "type LmcacheNamespace",
      "type LmcachePairFormat",
      "type LmcacheRemote",
      "type LmcacheSources",
      "type LocalStoreOptions",
      "type Logger",
      "type LookupOptions",
      "type LookupResult",
      "type ManagerOptions",
      "type MemoryFormat",
      "type MetricsChannelOptions",
      "type MissReason",
      "type NodeStats",
      "type PairGeneration",
      "type PairGroup",
      "type PairMetadata",
      "type PolicyName",
      "type PromptTokens",
      "type PutEntry",
      "type PutOptions",
      "type PutOutcome",
      "type RamTierOptions",
      "type ReadInto",
      "type RejectReason",
      "type RespLimits",
      "type RespServerOptions",
      "type RetrieveOptions",
      "type RetrieveResult",
      "type ScanOptions",
      "type SkipReason",
      "type SsdTierOptions",
      "type StoreCapabilities",
      "type StoreResult",
      "type StoreStats",
      "type Tensor",
      "type TierChainOptions",
      "type TierTokens",
      "type TlsOptions",
      "type TokenRange",
      "type TokenSample",
      "type ValkeyFormat",
      "type ValkeyServerStats",
      "type ValkeyStoreOptions",
      "type ValkeyStoreStats",
      "type WriteMode",
      "valkeyOptionsFromEnvironment",
      "version",
    ]
  `);
});

test("keepwarm/testing", () => {
  const names = namesOf("testing/index.ts");
  expect(valuesOf(names)).toEqual(Object.keys(testing).toSorted());
  expect(names).toMatchInlineSnapshot(`
    [
      "FakeClock",
      "ServerProcess",
      "TcpProxy",
      "describeBlockStore",
      "findBinary",
      "startCluster",
      "startKeepwarm",
      "startRedisServer",
      "startSentinels",
      "testCacheFolder",
      "type Binary",
      "type BinaryName",
      "type ClusterOptions",
      "type FindBinaryOptions",
      "type KeepwarmReady",
      "type KeepwarmServerOptions",
      "type ProcessExit",
      "type ProxyBehaviour",
      "type ProxyTarget",
      "type RedisServerOptions",
      "type RedisServerTls",
      "type RunningCluster",
      "type RunningKeepwarm",
      "type RunningSentinels",
      "type RunningServer",
      "type SentinelsOptions",
      "type ServerProcessOptions",
      "type StoreUnderTest",
      "type TestRunner",
    ]
  `);
});

test("keepwarm/metrics-channel", () => {
  const names = namesOf("metrics-channel.ts");
  expect(valuesOf(names)).toEqual(Object.keys(metricsChannel).toSorted());
  expect(names).toMatchInlineSnapshot(`
    [
      "LiveSamples",
      "MetricsChannel",
      "REDIS_DB",
      "REDIS_HOST",
      "REDIS_PASSWORD",
      "REDIS_PORT",
      "RedisManager",
      "VALKEY_DB",
      "VALKEY_HOST",
      "VALKEY_PASSWORD",
      "VALKEY_PORT",
      "ValkeyManager",
      "acceptanceProbability",
      "bestOfN",
      "decodeSample",
      "encodeSample",
      "entropy",
      "generateMeasured",
      "leastTemperature",
      "logSumExp",
      "measureLogits",
      "metricsProcessor",
      "normalizedSequenceLogProb",
      "normalizedSequenceProb",
      "powerSample",
      "pythonListPatterns",
      "sequenceLogProb",
      "sequenceProb",
      "suffixGenerator",
      "temperedLogSumExp",
      "tokenMetric",
      "tokenMetrics",
      "type BestOf",
      "type BestOfOptions",
      "type Candidate",
      "type CandidateSums",
      "type ChannelStats",
      "type DrainOptions",
      "type Drained",
      "type FollowOptions",
      "type LogitsMeasures",
      "type LogitsTensor",
      "type ManagerOptions",
      "type MeasurableSequence",
      "type MeasuredGenerationOptions",
      "type MeasuredToken",
      "type MetricsChannelOptions",
      "type MetricsProcessor",
      "type MetricsProcessorOptions",
      "type PowerSample",
      "type PowerSamplingOptions",
      "type RatedToken",
      "type ServedBy",
      "type ServerCertificate",
      "type Suffix",
      "type SuffixGenerator",
      "type SuffixOptions",
      "type SuffixToken",
      "type SweepOptions",
      "type TokenMetric",
      "type TokenSample",
    ]
  `);
});

test("keepwarm/node-llama-cpp", () => {
  const names = namesOf("adapters/node-llama-cpp/index.ts");
  expect(valuesOf(names)).toEqual(Object.keys(llama).toSorted());
  expect(names).toMatchInlineSnapshot(`
    [
      "LlamaKvCache",
      "type AttachedSequence",
      "type KeepReport",
      "type LlamaContextLike",
      "type LlamaKvCacheOptions",
      "type LlamaKvCacheStats",
      "type LlamaModelLike",
      "type LlamaSequenceLike",
      "type ReuseReason",
      "type ReuseReport",
    ]
  `);
});

test("keepwarm/transformers", () => {
  const names = namesOf("adapters/transformers/index.ts");
  expect(valuesOf(names)).toEqual(Object.keys(transformers).toSorted());
  expect(names).toMatchInlineSnapshot(`
    [
      "TransformersKvCache",
      "type AttachedModel",
      "type KeepReport",
      "type PastKeyValues",
      "type RestoredCache",
      "type ReuseReason",
      "type ReuseReport",
      "type TensorLike",
      "type TransformersKvCacheOptions",
      "type TransformersKvCacheStats",
      "type TransformersLike",
      "type TransformersModelLike",
    ]
  `);
});
