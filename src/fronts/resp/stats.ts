import type { StoreStats } from "../../store/contract.ts";
import type { LmStats } from "../lm/stats.ts";
import type { LowerStats } from "../../tiers/chain/tier-chain.ts";
import type { CodedStats } from "../../tiers/coded/coded-store.ts";
import type { FrontState } from "./front-state.ts";

/** What KW.STATS reports: counters since the start, but for what is named as now. */
export interface ServerStats {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  /** Node's version. */
  readonly node: string;
  readonly listeners: Readonly<Record<string, string>>;
  /** The nearest first: RAM, and what is below it. */
  readonly tiers: readonly (RamStats | LowerStats)[];
  /** Blocks of this machine that are kept encoded, where there is room for any. */
  readonly coded?: CodedStats;
  /** Stores on other machines, in the order in which they are asked. */
  readonly remotes: readonly RemoteStats[];
  readonly clients: { readonly connected: number; readonly max: number; readonly rejected: number };
  readonly traffic: {
    readonly commands: number;
    readonly bytesIn: number;
    readonly bytesOut: number;
  };
  /** Reads by clients. */
  readonly keyspace: { readonly hits: number; readonly misses: number };
  readonly commands: Readonly<Record<string, CommandStats>>;
  /** The lm front, if there is one; all other figures but those of tiers are without it. */
  readonly lm?: LmStats;
}

/** RAM's counters, and what only this server knows of it. */
export interface RamStats extends StoreStats {
  readonly policy: string;
  /** 0: no limit. */
  readonly maxBlocks: number;
  readonly pinned: number;
  /** Now, in values on their way in. */
  readonly inflightBytes: number;
}

/** What the chain counts of a store on another machine, and that store's own counters. */
export interface RemoteStats {
  readonly name: string;
  readonly hits: number;
  readonly hitBytes: number;
  readonly misses: number;
  readonly written: number;
  readonly dropped: number;
  readonly failedWrites: number;
  readonly queuedItems: number;
  readonly queuedBytes: number;
  readonly store: StoreStats;
}

interface CommandStats {
  readonly calls: number;
  readonly rejected: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export function serverStats(front: FrontState): ServerStats {
  const { limits, options } = front;
  const lm = options.lm?.();
  const commands: Record<string, CommandStats> = {};
  for (const { name, calls, rejected, latency } of front.commands.all)
    if (calls + rejected > 0)
      commands[name] = {
        calls,
        rejected,
        p50Us: micros(latency.quantileMs(0.5)),
        p99Us: micros(latency.quantileMs(0.99)),
      };
  return {
    version: options.version,
    pid: process.pid,
    uptimeSeconds: Math.floor((Date.now() - front.startedAt) / 1000),
    node: process.version,
    listeners: options.listeners?.() ?? {},
    tiers: tierStats(front),
    ...(front.coded === undefined ? {} : { coded: front.coded.stats() }),
    remotes: front.tiers.remotes.map((remote) => ({
      name: remote.store.name,
      hits: remote.hits,
      hitBytes: remote.hitBytes,
      misses: remote.misses,
      written: remote.written,
      dropped: remote.dropped,
      failedWrites: remote.failedWrites,
      queuedItems: remote.queuedItems,
      queuedBytes: remote.queuedBytes,
      store: remote.store.stats(),
    })),
    clients: {
      connected: front.sessions.size,
      max: limits.clients,
      rejected: front.connectionsRejected,
    },
    traffic: {
      commands: front.commandsProcessed,
      bytesIn: front.bytesIn,
      bytesOut: front.bytesOut,
    },
    keyspace: { hits: front.hits, misses: front.misses },
    commands,
    ...(lm === undefined ? {} : { lm }),
  };
}

/** The figures of each tier, the nearest first. */
export function tierStats({ ram, tiers }: FrontState): readonly (RamStats | LowerStats)[] {
  const first: RamStats = {
    name: "ram",
    policy: ram.policy,
    capacityBytes: ram.capacityBytes,
    usedBytes: ram.usedBytes,
    valueBytes: ram.valueBytes,
    blocks: ram.entries.count,
    maxBlocks: ram.maxBlocks,
    ...ram.counters.snapshot(),
    pinned: ram.pinned,
    inflightBytes: ram.fillingBytes,
  };
  const lower = tiers.lowerStats();
  return lower === undefined ? [first] : [first, lower];
}

function micros(ms: number): number {
  return Math.round(ms * 10_000) / 10;
}
