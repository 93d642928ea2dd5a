import { formatEndpoint } from "../../backends/valkey/store-url.ts";
import type { TlsOptions } from "../../backends/valkey/read-socket.ts";
import { parseRespUrl, type RespAddress } from "../../backends/valkey/url.ts";
import { KeepwarmError } from "../../errors.ts";
import type { Logger } from "../../observe/logger.ts";
import { endpointFromEnvironment, type EnvironmentPrefix } from "./environment.ts";

/** What a server that is started shows to its clients, in PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
  /** Whose certificates clients must show. Default: they need none. */
  readonly ca?: string | undefined;
}

/** Where a manager's server is, or is to be. What is left out comes from the environment. */
export interface ManagerOptions {
  /** Instead of host, port, db and path: `redis://…`, `rediss://…`, `unix:/path`. */
  readonly url?: string | undefined;
  /** Default `VALKEY_HOST` or `REDIS_HOST`, else localhost. */
  readonly host?: string | undefined;
  /** Default `VALKEY_PORT` or `REDIS_PORT`, else 6379; 0 starts a server on any free port. */
  readonly port?: number | undefined;
  /** Database. Default `VALKEY_DB` or `REDIS_DB`, else 0. */
  readonly db?: number | undefined;
  /** ACL user. Default the server's `default`. */
  readonly username?: string | undefined;
  /** Default `VALKEY_PASSWORD` or `REDIS_PASSWORD`, else none. A server that is started asks for it. */
  readonly password?: string | undefined;
  /** Path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined;
  /** Speak TLS, with these authorities and, as client, this certificate. */
  readonly tls?: TlsOptions | undefined;
  /** What a server that is started with TLS shows. Without it none is started with TLS. */
  readonly certificate?: ServerCertificate | undefined;
  /** Milliseconds until a server that is started must answer. Default 10,000. */
  readonly deadlineMs?: number | undefined;
  /** Hears of servers that are started, and of those that end. Default: nobody does. */
  readonly logger?: Logger | undefined;
}

/** Where a server is, with everything that its clients need. */
export interface ManagedEndpoint extends RespAddress {
  readonly tlsOptions: TlsOptions;
  readonly certificate: ServerCertificate | undefined;
}

/**
 * The endpoint that options and environment name.
 *
 * @throws KeepwarmError `INPUT_INVALID`, `CONFIG_INVALID`
 */
export function resolveEndpoint(
  prefix: EnvironmentPrefix,
  options: ManagerOptions,
): ManagedEndpoint {
  const environment = endpointFromEnvironment(prefix);
  const { host = environment.host, port = environment.port, path, tls } = options;
  const password = options.password ?? environment.password;
  const common = { tlsOptions: tls ?? {}, certificate: options.certificate };
  if (options.url !== undefined) {
    const address = parseRespUrl(options.url);
    return {
      ...address,
      ...common,
      username: options.username ?? address.username,
      password: options.password ?? address.password ?? environment.password,
      database: options.db ?? address.database,
    };
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new KeepwarmError("INPUT_INVALID", `${port} is no port`, {
      remedy: "Give a number from 0, any free one, to 65535.",
    });
  return {
    ...common,
    host,
    port,
    path,
    tls: tls !== undefined,
    username: options.username,
    password,
    database: options.db ?? environment.db,
    label: labelOf(host, port, path, tls !== undefined),
  };
}

/** An endpoint's URL without user and password. */
export function labelOf(
  host: string,
  port: number,
  path: string | undefined,
  tls: boolean,
): string {
  if (path !== undefined) return `unix:${path}`;
  return `${tls ? "rediss" : "redis"}://${formatEndpoint({ host, port })}`;
}

/** Whether the endpoint can only be on this machine. */
export function isLocal({ host, path }: RespAddress): boolean {
  return path !== undefined || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i.test(host);
}
