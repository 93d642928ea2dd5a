import type { LmcacheRemote } from "./remote.ts";

/**
 * A store as the setting `remote` names it: one URL with options in its query. The format is left out:
 * a server keeps each half of LMCache's pairs as a block of its own, under the key that it has anyway.
 */
export function remoteUrl({ store, options }: LmcacheRemote): string {
  const url = options.url!;
  if (store === "lm") return url;
  const {
    username,
    password,
    database,
    connections,
    deadlineMs,
    connectDeadlineMs,
    ttlMs,
    service,
  } = options;
  const query = Object.entries({
    db: database,
    connections,
    deadline: inMs(deadlineMs),
    "connect-deadline": inMs(connectDeadlineMs),
    ttl: inMs(ttlMs),
    service,
  }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  const complete = withCredentials(url, username, password);
  if (query.length === 0) return complete;
  return `${complete}${complete.includes("?") ? "&" : "?"}${query.join("&")}`;
}

function inMs(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value}ms`;
}

function withCredentials(url: string, username = "", password?: string): string {
  if ((username === "" && password === undefined) || /^[^/]*:\/\/[^/]*@/.test(url)) return url;
  const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
  return url.replace("://", `://${encodeURIComponent(username)}${secret}@`);
}
