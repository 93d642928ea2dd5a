import type { Snapshot } from "./snapshot.ts";

/** A snapshot from the `INFO everything` of Redis or Valkey. */
export function snapshotOfInfo(text: string): Snapshot {
  const fields = parseInfo(text);
  const number = (name: string) => Number(fields.get(name) ?? 0);
  const valkey = fields.get("valkey_version");
  const blocks = [...fields]
    .filter(([name]) => /^db\d+$/.test(name))
    .reduce((sum, [, value]) => sum + Number(/keys=(\d+)/.exec(value)?.[1] ?? 0), 0);
  const keyspace = { hits: number("keyspace_hits"), misses: number("keyspace_misses") };
  return {
    product: valkey === undefined ? "redis" : "valkey",
    version: valkey ?? fields.get("redis_version") ?? "unknown",
    pid: number("process_id"),
    uptimeSeconds: number("uptime_in_seconds"),
    tiers: [
      {
        name: "ram",
        policy: fields.get("maxmemory_policy") ?? "unknown",
        capacityBytes: number("maxmemory"),
        usedBytes: number("used_memory"),
        blocks,
        ...keyspace,
        evicted: number("evicted_keys"),
        expired: number("expired_keys"),
      },
    ],
    clients: {
      connected: number("connected_clients"),
      max: number("maxclients"),
      rejected: number("rejected_connections"),
    },
    traffic: {
      commands: number("total_commands_processed"),
      bytesIn: number("total_net_input_bytes"),
      bytesOut: number("total_net_output_bytes"),
    },
    keyspace,
  };
}

/** The fields of INFO. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}
