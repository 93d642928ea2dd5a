import { totalmem } from "node:os";
import { formatBytes } from "../../../util/units.ts";
import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { DATABASES, type FrontState } from "../front-state.ts";
import type { Session } from "../session.ts";
import { tierStats } from "../stats.ts";
import { COMPATIBLE_VERSION } from "./connection.ts";

type Fields = Readonly<Record<string, string | number>>;

/** Bytes as Redis writes them for people: `1.50M`. */
function human(bytes: number): string {
  const [number, unit = "B"] = formatBytes(bytes).split(" ");
  return `${number}${unit[0]}`;
}

function server(front: FrontState): Fields {
  const uptime = Math.floor((Date.now() - front.startedAt) / 1000);
  return {
    redis_version: COMPATIBLE_VERSION,
    keepwarm_version: front.options.version,
    redis_mode: front.options.cluster === true ? "cluster" : "standalone",
    os: `${process.platform} ${process.arch}`,
    arch_bits: 64,
    node_version: process.version,
    process_id: process.pid,
    run_id: front.runId,
    tcp_port: front.port,
    server_time_usec: Math.round(front.now() * 1000),
    uptime_in_seconds: uptime,
    uptime_in_days: Math.floor(uptime / 86_400),
    hz: 10,
    executable: process.execPath,
    config_file: "",
  };
}

function clients(front: FrontState): Fields {
  let waiting = 0;
  let longestQuery = 0;
  let longestOutput = 0;
  for (const { connection } of front.sessions.values()) {
    if (connection.isWaiting) waiting++;
    longestQuery = Math.max(longestQuery, connection.heldBytes);
    longestOutput = Math.max(longestOutput, connection.unwrittenBytes);
  }
  return {
    connected_clients: front.sessions.size,
    maxclients: front.limits.clients,
    client_recent_max_input_buffer: longestQuery,
    client_recent_max_output_buffer: longestOutput,
    blocked_clients: waiting,
  };
}

function memory(front: FrontState): Fields {
  const { ram, collections } = front;
  const { rss, heapUsed } = process.memoryUsage();
  const used = ram.usedBytes + Math.round(collections.bytes);
  return {
    used_memory: used,
    used_memory_human: human(used),
    used_memory_rss: rss,
    used_memory_rss_human: human(rss),
    used_memory_dataset: ram.valueBytes,
    used_memory_overhead: used - ram.valueBytes,
    used_memory_heap: heapUsed,
    inflight_bytes: ram.fillingBytes,
    total_system_memory: totalmem(),
    total_system_memory_human: human(totalmem()),
    maxmemory: ram.capacityBytes,
    maxmemory_human: human(ram.capacityBytes),
    maxmemory_policy: `allkeys-${ram.policy}`,
    mem_fragmentation_ratio: (rss / Math.max(1, used)).toFixed(2),
    mem_allocator: "keepwarm-arena",
  };
}

function persistence(front: FrontState): Fields {
  return {
    loading: 0,
    rdb_changes_since_last_save: 0,
    rdb_bgsave_in_progress: 0,
    rdb_last_save_time: Math.floor(front.startedAt / 1000),
    rdb_last_bgsave_status: "ok",
    aof_enabled: 0,
  };
}

function stats(front: FrontState): Fields {
  const { counters } = front.ram;
  return {
    total_connections_received: front.connectionsAccepted,
    total_commands_processed: front.commandsProcessed,
    instantaneous_ops_per_sec: Math.round(front.rates.operations),
    total_net_input_bytes: front.bytesIn,
    total_net_output_bytes: front.bytesOut,
    instantaneous_input_kbps: (front.rates.bytesIn / 1024).toFixed(2),
    instantaneous_output_kbps: (front.rates.bytesOut / 1024).toFixed(2),
    rejected_connections: front.connectionsRejected,
    expired_keys: counters.expired + front.collections.expired,
    evicted_keys: counters.evicted + front.collections.evicted,
    keyspace_hits: front.hits,
    keyspace_misses: front.misses,
    dropped_values: front.valuesDropped,
    tier_wait_timeouts: front.tierTimeouts,
    protocol_errors: front.protocolErrors,
    total_error_replies: front.errorReplies,
    pubsub_channels: 0,
    latest_fork_usec: 0,
    ...lm(front),
  };
}

function replication(): Fields {
  return {
    role: "master",
    connected_slaves: 0,
    master_failover_state: "no-failover",
    master_replid: "0".repeat(40),
    master_repl_offset: 0,
    repl_backlog_active: 0,
  };
}

function cpu(): Fields {
  const { user, system } = process.cpuUsage();
  return {
    used_cpu_sys: (system / 1e6).toFixed(6),
    used_cpu_user: (user / 1e6).toFixed(6),
  };
}

function commandStats(front: FrontState): Fields {
  const fields: Record<string, string> = {};
  for (const { name, calls, rejected, latency } of front.commands.all) {
    if (calls + rejected === 0) continue;
    const usec = Math.round(latency.sumMs * 1000);
    const each = calls === 0 ? 0 : (latency.sumMs * 1000) / calls;
    fields[`cmdstat_${name}`] =
      `calls=${calls},usec=${usec},usec_per_call=${each.toFixed(2)},rejected_calls=${rejected},failed_calls=0`;
  }
  return fields;
}

function latencyStats(front: FrontState): Fields {
  const fields: Record<string, string> = {};
  for (const { name, calls, latency } of front.commands.all) {
    if (calls === 0) continue;
    const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) =>
      (latency.quantileMs(share) * 1000).toFixed(3),
    );
    fields[`latency_percentiles_usec_${name}`] = `p50=${p50},p99=${p99},p99.9=${p999}`;
  }
  return fields;
}

function keyspace(front: FrontState): Fields {
  const fields: Record<string, string> = {};
  const expiring = front.ram.expiring;
  for (let database = 0; database < DATABASES; database++) {
    const keys = front.tiers.countOf(database) + front.collections.countOf(database);
    if (keys > 0)
      fields[`db${database}`] = `keys=${keys},expires=${Math.min(keys, expiring)},avg_ttl=0`;
  }
  return fields;
}

function lm({ options }: FrontState): Fields {
  const stats = options.lm?.();
  if (stats === undefined) return {};
  const { clients, gets, hits, exists, puts, dropped, bytesIn, bytesOut } = stats;
  return {
    lm_connected_clients: clients.connected,
    lm_rejected_connections: clients.rejected,
    lm_gets: gets,
    lm_hits: hits,
    lm_exists: exists,
    lm_puts: puts,
    lm_dropped_values: dropped,
    lm_net_input_bytes: bytesIn,
    lm_net_output_bytes: bytesOut,
    lm_protocol_errors: stats.protocolErrors,
  };
}

/** Each tier in one line, the nearest first; then all figures of the one below RAM. */
function tiers(front: FrontState): Fields {
  const fields: Record<string, string> = {};
  for (const [index, tier] of tierStats(front).entries()) {
    const { name, blocks, capacityBytes, usedBytes, valueBytes, hits, misses, hitBytes } = tier;
    fields[`tier${index}`] =
      `name=${name},blocks=${blocks},capacity_bytes=${capacityBytes},used_bytes=${usedBytes},value_bytes=${valueBytes},hits=${hits},misses=${misses},hit_bytes=${hitBytes}`;
  }
  const below = front.tiers.lowerStats();
  return below === undefined ? fields : { ...fields, ...flat(below.name, below) };
}

/** Figures by names such as `ssd_write_amplification`. */
function flat(prefix: string, figures: object): Fields {
  const fields: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(figures) as [string, unknown][]) {
    const field = `${prefix}_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
    if (typeof value === "number")
      fields[field] = Number.isInteger(value) ? value : value.toFixed(3);
    else if (typeof value === "boolean") fields[field] = Number(value);
    else if (typeof value === "string") fields[field] = value.replaceAll(/[\r\n]/g, " ");
    else if (typeof value === "object" && value !== null) Object.assign(fields, flat(field, value));
  }
  return fields;
}

const sections: Readonly<Record<string, (front: FrontState) => Fields>> = {
  Server: server,
  Clients: clients,
  Memory: memory,
  Persistence: persistence,
  Stats: stats,
  Replication: replication,
  CPU: cpu,
  Modules: () => ({}),
  Commandstats: commandStats,
  Latencystats: latencyStats,
  Cluster: (front) => ({ cluster_enabled: front.options.cluster === true ? 1 : 0 }),
  Keyspace: keyspace,
  Tiers: tiers,
};
const onlyOnRequest = new Set(["Commandstats", "Latencystats"]);

function info(session: Session, request: Request): void {
  const wanted = new Set<string>();
  for (let index = 1; index < request.argc; index++) wanted.add(request.text(index).toLowerCase());
  const all = wanted.has("all") || wanted.has("everything");
  const usual = wanted.size === 0 || wanted.has("default");
  const text = Object.entries(sections)
    .filter(
      ([name]) => all || wanted.has(name.toLowerCase()) || (usual && !onlyOnRequest.has(name)),
    )
    .map(([name, fields]) => {
      const lines = Object.entries(fields(session.front)).map(
        ([field, value]) => `${field}:${value}`,
      );
      return [`# ${name}`, ...lines, ""].join("\r\n");
    })
    .join("\r\n");
  session.reply.verbatim(text);
}

export const infoCommands: readonly CommandSpec[] = [
  {
    name: "info",
    arity: -1,
    flags: [],
    group: "server",
    summary: "Figures about the server, by section.",
    run: info,
  },
];
