import type { StoreSettings } from "../../backends/valkey/store-options.ts";
import { type Endpoint, formatEndpoint } from "../../backends/valkey/store-url.ts";
import type { RespAddress } from "../../backends/valkey/url.ts";

/** How servers are examined. */
export interface Examination {
  /** Most milliseconds for one call. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** The longest block that has to fit, `limits.valueBytes`. */
  readonly valueBytes: number;
}

/** One server to examine. */
export interface Target extends Examination {
  readonly address: RespAddress;
  readonly settings: StoreSettings;
  /** Whether it is a Sentinel, which has a password of its own. Default false. */
  readonly isSentinel?: boolean;
}

/** A server of the store, with the user and password of those that hold blocks. */
export function blockServer(settings: StoreSettings, endpoint: Endpoint | undefined): RespAddress {
  const { username, password, database } = settings;
  return { ...bare(settings, endpoint), username, password, database };
}

/** A Sentinel, with the user and password of Sentinels. */
export function sentinelServer(settings: StoreSettings, endpoint: Endpoint): RespAddress {
  const { sentinelUsername: username, sentinelPassword: password } = settings;
  return { ...bare(settings, endpoint), username, password, database: 0 };
}

/** Whether an address is on this machine. */
export function isLocal({ host, path }: RespAddress): boolean {
  return path !== undefined || host === "localhost" || host === "::1" || host.startsWith("127.");
}

function bare({ url }: StoreSettings, endpoint: Endpoint | undefined): RespAddress {
  const { host, port } = endpoint ?? { host: "localhost", port: 0 };
  const address = `${url.tls ? "rediss" : "redis"}://${formatEndpoint({ host, port })}`;
  return {
    host,
    port,
    path: url.path,
    tls: url.tls,
    username: undefined,
    password: undefined,
    database: 0,
    label: url.path === undefined ? address : url.label,
  };
}
