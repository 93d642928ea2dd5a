import { KeepwarmError } from "../../errors.ts";
import { silentLogger, type Logger } from "../../observe/logger.ts";
import type { ValkeyFormat } from "./formats/options.ts";
import type { TlsOptions } from "./read-socket.ts";
import { queryOptions } from "./store-query.ts";
import { parseStoreUrl, type StoreUrl } from "./store-url.ts";

/** How a `ValkeyStore` finds its servers and works with them. */
export interface ValkeyStoreOptions {
  /**
   * `redis://user:password@host:port/database`, `rediss://` for TLS, `unix:///path`,
   * `redis-sentinel://h1,h2,h3/service`, `redis-cluster://h1,h2`; `valkey` for `redis` means the
   * same. Options may stand in its query; those given here go before. Default redis://127.0.0.1:6379.
   */
  readonly url?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** 0 (default) or, outside of clusters, another database. */
  readonly database?: number | undefined;
  /** What Sentinel calls the primary. Default `redismaster`, as in LMCache. */
  readonly service?: string | undefined;
  /** User and password of the Sentinels themselves. Default none. */
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** Authorities, client certificate and server name, as `node:tls` calls them. */
  readonly tls?: TlsOptions | undefined;
  /** How blocks lie on the server. Default `native`. */
  readonly format?: ValkeyFormat | undefined;
  /** Put before each key on the server. Default nothing. */
  readonly prefix?: string | undefined;
  /** Milliseconds until a block is forgotten whose `put` names no time. Default never. */
  readonly ttlMs?: number | undefined;
  /**
   * Whether a `get` also asks for the time that each block has left, so that a tier above forgets it
   * in time. Worth turning off for small blocks where nothing expires. Default true.
   */
  readonly readTtl?: boolean | undefined;
  /** Connections for values to each server; one more carries look-ups. Default 4, sensibly 1 to 16. */
  readonly connections?: number | undefined;
  /** Values in flight on each of them. Default 2, sensibly 1 to 8. */
  readonly pipelineDepth?: number | undefined;
  /** Milliseconds for a whole call, whatever it has to wait for. Default 5000. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds to connect and log in, at most `deadlineMs`. Default 1000. */
  readonly connectDeadlineMs?: number | undefined;
  /** Most bytes of blocks that wait to be written to one server; the oldest go first. Default 256 MiB. */
  readonly queueBytes?: number | undefined;
  /** Most calls that wait for one server. Default 65,536. */
  readonly queueCalls?: number | undefined;
  /** Most bytes of released blocks that are kept for the next ones. Default 256 MiB. */
  readonly recycleBytes?: number | undefined;
  /** Hears of servers that fail and come back. Default: nobody does. */
  readonly logger?: Logger | undefined;
}

type Numbers = Record<
  | "connections"
  | "pipelineDepth"
  | "deadlineMs"
  | "connectDeadlineMs"
  | "queueBytes"
  | "queueCalls"
  | "recycleBytes",
  number
>;

/** Options with their defaults filled in. */
export interface StoreSettings extends Readonly<Numbers> {
  readonly url: StoreUrl;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly service: string;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly tls: TlsOptions;
  readonly format: ValkeyFormat;
  readonly prefix: string;
  readonly ttlMs: number | undefined;
  readonly readTtl: boolean;
  readonly logger: Logger;
}

/** Least and most that a number may be, and what it is by itself. */
const numbers: Readonly<Record<keyof Numbers, readonly [least: number, most: number, by: number]>> =
  {
    connections: [1, 64, 4],
    pipelineDepth: [1, 1024, 2],
    deadlineMs: [1, 3_600_000, 5000],
    connectDeadlineMs: [1, 3_600_000, 1000],
    queueBytes: [0, Infinity, 256 * 1024 ** 2],
    queueCalls: [1, 2 ** 24, 65_536],
    recycleBytes: [0, Infinity, 256 * 1024 ** 2],
  };

/**
 * What a store works with: `options` over the URL's query over defaults.
 *
 * @throws KeepwarmError `INPUT_INVALID` for a URL, query or number that cannot be used, `NOT_FOUND`
 *   for a certificate file that is not there
 */
export function resolveStoreOptions(options: ValkeyStoreOptions): StoreSettings {
  const url = parseStoreUrl(options.url ?? "redis://127.0.0.1:6379");
  const asked: ValkeyStoreOptions = { ...queryOptions(url.query), ...defined(options) };
  const database = asked.database ?? url.database;
  if (url.arrangement === "cluster" && database !== 0)
    throw unusable("database", database, "a cluster has only database 0");
  const { ttlMs } = asked;
  if (ttlMs !== undefined && !(ttlMs > 0)) throw unusable("ttlMs", ttlMs, "it must be above 0");
  const settled = Object.fromEntries(
    Object.keys(numbers).map((name) => [name, checked(name as keyof Numbers, asked)]),
  ) as Numbers;
  return {
    ...settled,
    // Calls that wait for a connection are to know by their deadline that there is none.
    connectDeadlineMs: Math.min(settled.connectDeadlineMs, settled.deadlineMs),
    url,
    username: asked.username ?? url.username,
    password: asked.password ?? url.password,
    database,
    service: asked.service ?? url.service ?? "redismaster",
    sentinelUsername: asked.sentinelUsername,
    sentinelPassword: asked.sentinelPassword,
    tls: asked.tls ?? {},
    format: asked.format ?? "native",
    prefix: asked.prefix ?? "",
    ttlMs,
    readTtl: asked.readTtl ?? true,
    logger: asked.logger ?? silentLogger,
  };
}

function checked(name: keyof Numbers, asked: ValkeyStoreOptions): number {
  const [least, most, by] = numbers[name];
  const value = asked[name] ?? by;
  if (!(value >= least && value <= most))
    throw unusable(name, value, `it must be from ${least} to ${most}`);
  return value;
}

function defined(options: ValkeyStoreOptions): ValkeyStoreOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function unusable(name: string, value: number, why: string): KeepwarmError {
  return new KeepwarmError("INPUT_INVALID", `${name} of the Valkey store is ${value}`, {
    remedy: `${why[0].toUpperCase()}${why.slice(1)}.`,
  });
}
