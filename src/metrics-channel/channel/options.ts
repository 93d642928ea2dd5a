import { randomUUID } from "node:crypto";
import { KeepwarmError } from "../../errors.ts";
import {
  resolveStoreOptions,
  type StoreSettings,
  type ValkeyStoreOptions,
} from "../../backends/valkey/store-options.ts";

/** How a channel finds its server and keeps its samples. */
export interface MetricsChannelOptions extends Pick<
  ValkeyStoreOptions,
  | "url"
  | "username"
  | "password"
  | "database"
  | "service"
  | "sentinelUsername"
  | "sentinelPassword"
  | "tls"
  | "logger"
> {
  /** What the keys of all runs begin with. Default `keepwarm`. */
  readonly namespace?: string | undefined;
  /**
   * Names this run of the program. Whoever is to read what others write gives them the same. Default
   * a random one.
   */
  readonly run?: string | undefined;
  /**
   * Milliseconds that a request's samples are kept after its last one. Default 600,000: ten minutes;
   * a reader that waits longer than that between two reads needs more.
   */
  readonly ttlMs?: number | undefined;
  /**
   * Milliseconds for each exchange with the server. What a writer could not hand over until then is
   * counted as failed. Default 1000.
   */
  readonly deadlineMs?: number | undefined;
  /** Most samples that wait for the server; those beyond are given up and counted. Default 65,536. */
  readonly queueSamples?: number | undefined;
}

export interface ChannelSettings {
  readonly server: StoreSettings;
  readonly namespace: string;
  readonly run: string;
  readonly ttlMs: number;
  readonly queueSamples: number;
}

/**
 * Options with their defaults.
 *
 * @throws KeepwarmError `INPUT_INVALID`
 */
export function resolveChannelOptions(options: MetricsChannelOptions): ChannelSettings {
  const { namespace = "keepwarm", run = randomUUID(), queueSamples = 65_536, ...rest } = options;
  const server = resolveStoreOptions({
    deadlineMs: 1000,
    ...rest,
    connections: 1,
    pipelineDepth: 256,
  });
  const ttlMs = Math.ceil(server.ttlMs ?? 600_000);
  if (!(queueSamples >= 1))
    throw new KeepwarmError("INPUT_INVALID", `queueSamples is ${queueSamples}`, {
      remedy: "It must be 1 or more.",
    });
  return { server, namespace, run, ttlMs, queueSamples };
}
