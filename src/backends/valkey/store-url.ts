import { KeepwarmError } from "../../errors.ts";
import { parseRespUrl } from "./url.ts";

/** How servers are found: one address, or who to ask for it. */
type Arrangement = "single" | "sentinel" | "cluster";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What the URL of a Valkey or Redis deployment says; the query is not looked into. */
export interface StoreUrl {
  readonly arrangement: Arrangement;
  /** The server, the Sentinels, or nodes of the cluster. */
  readonly endpoints: readonly Endpoint[];
  /** Path of a Unix socket, instead of endpoints. */
  readonly path: string | undefined;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** What Sentinel calls the primary. */
  readonly service: string | undefined;
  readonly query: URLSearchParams;
  /** The URL without password and query, for messages. */
  readonly label: string;
}

const form =
  /^(redis|valkey|keepwarm)(s)?-(sentinel|cluster):\/\/(?:(.*)@)?([^/?#]*)(?:\/([^?#]*))?/;
const defaultPorts: Readonly<Record<string, number>> = { sentinel: 26_379, cluster: 6379 };

/**
 * `redis://user:password@host:port/database`, `rediss://…` for TLS, `unix:///path?db=2`,
 * `redis-sentinel://h1:26379,h2,h3/service`, `redis-cluster://h1:6379,h2`. `valkey` and `keepwarm`
 * mean the same as `redis`; `rediss-sentinel` and `rediss-cluster` speak TLS.
 *
 * @throws KeepwarmError `INPUT_INVALID`
 */
export function parseStoreUrl(text: string): StoreUrl {
  const query = new URLSearchParams(/\?(.*)$/.exec(text)?.[1] ?? "");
  const match = form.exec(text.replace(/\?.*$/, ""));
  if (!match) return singleServer(text, query);
  const [, , tls, arrangement, credentials = "", hosts, rest = ""] = match;
  const [username, ...password] = credentials.split(":");
  const endpoints = hosts
    .split(",")
    .filter(Boolean)
    .map((host) => parseEndpoint(host, defaultPorts[arrangement]));
  if (endpoints.length === 0) throw invalid(text, "names no server");
  const cluster = arrangement === "cluster";
  if (cluster && rest !== "" && rest !== "0")
    throw invalid(text, "names a database, and a cluster has only database 0");
  const shown = endpoints.map(formatEndpoint).join(",");
  return {
    arrangement: cluster ? "cluster" : "sentinel",
    endpoints,
    path: undefined,
    tls: tls !== undefined,
    username: decode(username, text),
    password: decode(password.join(":"), text),
    database: 0,
    service: cluster ? undefined : decode(rest, text),
    query,
    label: `${text.slice(0, text.indexOf(":"))}://${shown}${rest === "" ? "" : `/${rest}`}`,
  };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function singleServer(text: string, query: URLSearchParams): StoreUrl {
  const address = parseRespUrl(text);
  return {
    arrangement: "single",
    endpoints: address.path === undefined ? [{ host: address.host, port: address.port }] : [],
    path: address.path,
    tls: address.tls,
    username: address.username,
    password: address.password,
    database: address.database,
    service: undefined,
    query,
    label: address.label,
  };
}

function parseEndpoint(text: string, defaultPort: number): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const port = Number(match?.[3] ?? defaultPort);
  if (!match || port > 65_535)
    throw new KeepwarmError("INPUT_INVALID", `${JSON.stringify(text)} is no host and port`, {
      remedy: "Write host:port, several of them with commas between; an IPv6 address in brackets.",
    });
  return { host: match[1] ?? match[2], port };
}

function decode(encoded: string, text: string): string | undefined {
  if (encoded === "") return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw invalid(text, "is not percent-encoded");
  }
}

function invalid(text: string, what: string): KeepwarmError {
  const shown = text.replace(/\/\/.*@/, "//…@").replace(/\?.*$/, "");
  return new KeepwarmError("INPUT_INVALID", `${JSON.stringify(shown)} ${what}`, {
    remedy: "Write redis-sentinel://h1:26379,h2:26379/service or redis-cluster://h1:6379,h2:6379.",
  });
}
