import { KeepwarmError } from "../../errors.ts";

/** What the URL of a RESP server says. */
export interface RespAddress {
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket; host and port do not count then. */
  readonly path: string | undefined;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** The URL without its password, for messages. */
  readonly label: string;
}

const schemes: Readonly<Record<string, { tls: boolean }>> = {
  "redis:": { tls: false },
  "valkey:": { tls: false },
  "keepwarm:": { tls: false },
  "rediss:": { tls: true },
  "valkeys:": { tls: true },
  "keepwarms:": { tls: true },
};

/** What `URL` takes for no URL when it holds a user: an address without a host. */
const unixForm = /^unix:(?:\/\/(?:([^/?#:@]*)(?::([^/?#@]*))?@)?)?(\/(?!\/)[^?#]*)/i;

/**
 * `redis://user:password@host:port/database`, `rediss://…` for TLS,
 * `unix://user:password@/path?db=2` or `unix:/path`. Scheme
 * `valkey` and `keepwarm` mean the same as `redis`. Defaults: host 127.0.0.1, port 6379,
 * database 0.
 *
 * @throws KeepwarmError `INPUT_INVALID`
 */
export function parseRespUrl(text: string): RespAddress {
  if (/^unix:/i.test(text)) return unixAddress(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = url && schemes[url.protocol];
  if (!url || !scheme) throw invalid(text, "is not a URL of a RESP server");
  const database = url.pathname.replace(/^\//, "");
  if (!/^\d*$/.test(database)) throw invalid(text, "names no database by number");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1") || "127.0.0.1";
  const port = url.port === "" ? 6379 : Number(url.port);
  const shown = host.includes(":") ? `[${host}]` : host;
  return {
    host,
    port,
    path: undefined,
    tls: scheme.tls,
    username: credential(url.username, text),
    password: credential(url.password, text),
    database: Number(database),
    label: `${url.protocol}//${shown}:${port}${database === "" ? "" : `/${database}`}`,
  };
}

function unixAddress(text: string): RespAddress {
  const [, username = "", password = "", path] = unixForm.exec(text) ?? [];
  const database = new URLSearchParams(/\?(.*)$/.exec(text)?.[1] ?? "").get("db") ?? "0";
  if (path === undefined || !/^\d+$/.test(database)) throw invalid(text, "is no socket path");
  const decoded = credential(path, text) ?? path;
  return {
    host: "localhost",
    port: 0,
    path: decoded,
    tls: false,
    username: credential(username, text),
    password: credential(password, text),
    database: Number(database),
    label: `unix:${decoded}`,
  };
}

function credential(encoded: string, text: string): string | undefined {
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
    remedy: "Write redis://host:port, rediss://user:password@host:port/0 or unix:/path?db=0.",
  });
}
