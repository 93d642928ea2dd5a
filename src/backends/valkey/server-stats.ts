import type { Call, Commands } from "./commands.ts";
import { replyText } from "../../wire/resp/reply.ts";
import type { ValkeyNode } from "./node.ts";

/** What the servers say of themselves, summed up; the fields of HiCache's Valkey backend and more. */
export interface ValkeyServerStats {
  /** Keys of all kinds in the database. */
  readonly keyCount: number;
  readonly memoryUsed: number;
  /** What `maxmemory` allows; `Infinity` without a limit. */
  readonly memoryLimit: number;
  readonly connectedClients: number;
  readonly keyspaceHits: number;
  readonly keyspaceMisses: number;
  readonly evictedKeys: number;
  readonly expiredKeys: number;
  /** Servers that answered. */
  readonly servers: number;
}

/** Asks one server; DBSIZE and INFO take the same short time however much it holds. */
export async function readServerStats(
  commands: Commands,
  node: ValkeyNode,
  call: Call,
): Promise<ValkeyServerStats> {
  const [info, keys] = await Promise.all([
    commands.ask(node, ["INFO"], call),
    commands.ask(node, ["DBSIZE"], call),
  ]);
  const fields = new Map<string, number>();
  for (const line of (replyText(info) ?? "").split("\r\n")) {
    const at = line.indexOf(":");
    if (at > 0) fields.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  const field = (name: string): number => fields.get(name) ?? 0;
  return {
    keyCount: Number(keys),
    memoryUsed: field("used_memory"),
    memoryLimit: field("maxmemory") || Infinity,
    connectedClients: field("connected_clients"),
    keyspaceHits: field("keyspace_hits"),
    keyspaceMisses: field("keyspace_misses"),
    evictedKeys: field("evicted_keys"),
    expiredKeys: field("expired_keys"),
    servers: 1,
  };
}

export const noServerStats: ValkeyServerStats = {
  keyCount: 0,
  memoryUsed: 0,
  memoryLimit: 0,
  connectedClients: 0,
  keyspaceHits: 0,
  keyspaceMisses: 0,
  evictedKeys: 0,
  expiredKeys: 0,
  servers: 0,
};

export function addServerStats(a: ValkeyServerStats, b: ValkeyServerStats): ValkeyServerStats {
  const sum: { -readonly [Name in keyof ValkeyServerStats]: number } = { ...a };
  for (const name of Object.keys(sum) as (keyof ValkeyServerStats)[]) sum[name] += b[name];
  return sum;
}
