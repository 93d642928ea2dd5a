import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as keepwarm from "../src/index.ts";
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
      "LmServer",
      "LmStore",
      "LocalStore",
      "RamStore",
      "RamTier",
      "RespServer",
      "SsdStore",
      "SsdTier",
      "TierChain",
      "TieredStore",
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
      "type GetOptions",
      "type HicacheFormat",
      "type Key",
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
      "type MemoryFormat",
      "type NodeStats",
      "type PairGeneration",
      "type PairGroup",
      "type PairMetadata",
      "type PolicyName",
      "type PutEntry",
      "type PutOptions",
      "type PutOutcome",
      "type RamTierOptions",
      "type ReadInto",
      "type RejectReason",
      "type RespLimits",
      "type RespServerOptions",
      "type ScanOptions",
      "type SsdTierOptions",
      "type StoreCapabilities",
      "type StoreStats",
      "type Tensor",
      "type TierChainOptions",
      "type TlsOptions",
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
