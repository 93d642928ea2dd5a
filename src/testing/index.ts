export { type StoreUnderTest, type TestRunner, describeBlockStore } from "./contract-suite.ts";
export { FakeClock } from "./fake-clock.ts";
export {
  type Binary,
  type BinaryName,
  type FindBinaryOptions,
  findBinary,
} from "./servers/binaries.ts";
export { type ClusterOptions, type RunningCluster, startCluster } from "./servers/cluster.ts";
export { testCacheFolder } from "./servers/cache-folder.ts";
export {
  type KeepwarmReady,
  type KeepwarmServerOptions,
  type RunningKeepwarm,
  startKeepwarm,
} from "./servers/keepwarm-server.ts";
export { type ProcessExit, ServerProcess, type ServerProcessOptions } from "./servers/process.ts";
export {
  type RedisServerOptions,
  type RedisServerTls,
  startRedisServer,
} from "./servers/redis-server.ts";
export type { RunningServer } from "./servers/running-server.ts";
export {
  type RunningSentinels,
  type SentinelsOptions,
  startSentinels,
} from "./servers/sentinel.ts";
export { type ProxyBehaviour, type ProxyTarget, TcpProxy } from "./tcp-proxy.ts";
