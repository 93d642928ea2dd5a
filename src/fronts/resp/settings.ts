import { formatBytes, parseBytes } from "../../util/units.ts";
import { policyNames } from "../../store/policies/index.ts";
import { DATABASES, type FrontState } from "./front-state.ts";

/** One name of CONFIG GET; with `set`, of CONFIG SET too. */
export interface Setting {
  get(front: FrontState): string;
  /** Returns what is wrong with the value, or `undefined`. */
  set?(front: FrontState, value: string): string | undefined;
}

const fixed = (value: string): Setting => ({ get: () => value });

function wholeNumber(
  get: (front: FrontState) => number,
  set: (front: FrontState, value: number) => void,
  least = 0,
): Setting {
  return {
    get: (front) => String(get(front)),
    set: (front, text) => {
      const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= least)) return `argument must be a whole number of at least ${least}`;
      set(front, value);
      return undefined;
    },
  };
}

function setPolicy(front: FrontState, value: string): string | undefined {
  const name = policyNames.find((policy) => policy === value.replace(/^allkeys-/, ""));
  if (name === undefined)
    return `argument must be one of ${policyNames.map((policy) => `allkeys-${policy}`).join(", ")}: a full cache always evicts`;
  front.ram.setPolicy(name);
  return undefined;
}

const maxMemory: Setting = {
  get: (front) => String(front.ram.capacityBytes),
  set: (front, text) => {
    let bytes: number;
    try {
      bytes = parseBytes(text);
    } catch {
      return "argument must be a size such as 4GiB";
    }
    if (bytes > front.ram.arenaBytes)
      return `the RAM tier was started with ${formatBytes(front.ram.arenaBytes)}; start again with a larger --ram-size`;
    if (bytes < 1024 ** 2) return "argument must be at least 1 MiB";
    front.ram.setCapacity(bytes);
    return undefined;
  },
};

/** What clients and tools ask for by Redis's names, and our own. */
export const settings: Readonly<Record<string, Setting>> = {
  maxmemory: maxMemory,
  "maxmemory-policy": { get: (front) => `allkeys-${front.ram.policy}`, set: setPolicy },
  "eviction-policy": { get: (front) => front.ram.policy, set: setPolicy },
  "ram-max-blocks": wholeNumber(
    (front) => front.ram.maxBlocks,
    (front, count) => front.ram.setMaxBlocks(count),
  ),
  "ram-grace-ms": wholeNumber(
    (front) => front.ram.graceMs,
    (front, ms) => (front.ram.graceMs = ms),
  ),
  maxclients: wholeNumber(
    (front) => front.limits.clients,
    (front, clients) => (front.limits = { ...front.limits, clients }),
    1,
  ),
  timeout: wholeNumber(
    (front) => Math.floor(front.limits.idleMs / 1000),
    (front, seconds) => (front.limits = { ...front.limits, idleMs: seconds * 1000 }),
  ),
  "proto-max-bulk-len": { get: (front) => String(front.maxValueBytes) },
  "client-query-buffer-limit": { get: (front) => String(front.limits.requestBytes) },
  "client-output-buffer-limit": {
    get: (front) => `normal ${front.limits.outputBytes} 0 0 slave 0 0 0 pubsub 0 0 0`,
  },
  "slowlog-log-slower-than": wholeNumber(
    (front) => front.slowLog.thresholdUs,
    (front, value) => (front.slowLog.thresholdUs = value),
    -1,
  ),
  "slowlog-max-len": wholeNumber(
    (front) => front.slowLog.maxEntries,
    (front, value) => (front.slowLog.maxEntries = value),
  ),
  requirepass: {
    get: (front) => (front.users.default.needsPassword ? "(set)" : ""),
    set: (front, password) => {
      front.users.setDefaultPassword(password);
      return undefined;
    },
  },
  bind: { get: (front) => front.options.host ?? "127.0.0.1" },
  port: { get: (front) => String(front.options.tls === undefined ? front.port : 0) },
  "tls-port": { get: (front) => String(front.options.tls === undefined ? 0 : front.port) },
  "cluster-enabled": { get: (front) => (front.options.cluster === true ? "yes" : "no") },
  databases: fixed(String(DATABASES)),
  save: fixed(""),
  appendonly: fixed("no"),
  "io-threads": fixed("1"),
  "tcp-keepalive": fixed("300"),
  "latency-monitor-threshold": fixed("0"),
  "list-max-listpack-size": fixed("-2"),
  "notify-keyspace-events": fixed(""),
  daemonize: fixed("no"),
  logfile: fixed(""),
  dir: fixed(""),
};
