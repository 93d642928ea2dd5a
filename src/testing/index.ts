export { type StoreUnderTest, type TestRunner, describeBlockStore } from "./contract-suite.ts";
export { FakeClock } from "./fake-clock.ts";
export {
  type Binary,
  type BinaryName,
  type FindBinaryOptions,
  findBinary,
} from "./servers/binaries.ts";
export { testCacheFolder } from "./servers/cache-folder.ts";
export {
  type KeepwarmReady,
  type KeepwarmServerOptions,
  type RunningKeepwarm,
  startKeepwarm,
} from "./servers/keepwarm-server.ts";
export { type ProcessExit, ServerProcess, type ServerProcessOptions } from "./servers/process.ts";
export { type RedisServerOptions, startRedisServer } from "./servers/redis-server.ts";
export type { RunningServer } from "./servers/running-server.ts";
