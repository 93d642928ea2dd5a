/** The door `keepwarm/metrics-channel`: see docs/token-metrics.md. */
export {
  type MeasurableSequence,
  type MeasuredGenerationOptions,
  type MeasuredToken,
  generateMeasured,
  suffixGenerator,
} from "./adapters/node-llama-cpp/metrics.ts";
export { type CandidateSums, acceptanceProbability } from "./adapters/sampling/acceptance.ts";
export {
  type BestOf,
  type BestOfOptions,
  type Candidate,
  bestOfN,
} from "./adapters/sampling/best-of-n.ts";
export {
  type PowerSample,
  type PowerSamplingOptions,
  powerSample,
} from "./adapters/sampling/power-sampling.ts";
export type {
  Suffix,
  SuffixGenerator,
  SuffixOptions,
  SuffixToken,
} from "./adapters/sampling/suffix-generator.ts";
export {
  type LogitsTensor,
  type MetricsProcessor,
  type MetricsProcessorOptions,
  metricsProcessor,
} from "./adapters/transformers/metrics.ts";
export { RedisManager } from "./config/managers/redis-manager.ts";
export { ValkeyManager } from "./config/managers/valkey-manager.ts";
export type { ChannelStats } from "./metrics-channel/channel/counters.ts";
export { type SweepOptions, pythonListPatterns } from "./metrics-channel/channel/janitor.ts";
export { type FollowOptions, LiveSamples } from "./metrics-channel/channel/live-samples.ts";
export { MetricsChannel } from "./metrics-channel/channel/metrics-channel.ts";
export type { MetricsChannelOptions } from "./metrics-channel/channel/options.ts";
export type { DrainOptions, Drained } from "./metrics-channel/channel/reader.ts";
export { type TokenSample, decodeSample, encodeSample } from "./metrics-channel/channel/sample.ts";
export {
  REDIS_DB,
  REDIS_HOST,
  REDIS_PASSWORD,
  REDIS_PORT,
  VALKEY_DB,
  VALKEY_HOST,
  VALKEY_PASSWORD,
  VALKEY_PORT,
} from "./metrics-channel/manager/environment.ts";
export type { ManagerOptions, ServerCertificate } from "./metrics-channel/manager/options.ts";
export type { ServedBy } from "./metrics-channel/manager/server-manager.ts";
export {
  leastTemperature,
  logSumExp,
  temperedLogSumExp,
} from "./metrics-channel/maths/log-sum-exp.ts";
export { type LogitsMeasures, entropy, measureLogits } from "./metrics-channel/maths/measure.ts";
export {
  type RatedToken,
  type TokenMetric,
  normalizedSequenceLogProb,
  normalizedSequenceProb,
  sequenceLogProb,
  sequenceProb,
  tokenMetric,
  tokenMetrics,
} from "./metrics-channel/maths/token-metrics.ts";
