import { formatBytes, formatCount, formatRatio } from "../../util/units.ts";
import type { Snapshot } from "./snapshot.ts";

/** What happened between two snapshots, per second, and what there is now. */
export interface Rates {
  readonly commandsPerSecond: number;
  /** Share of looked-up keys that were there, 0 to 1, null when none was looked up. */
  readonly hitRate: number | null;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly evictedPerSecond: number;
  readonly blocks: number;
  readonly usedBytes: number;
  readonly clients: number;
}

export function rates(before: Snapshot, after: Snapshot, seconds: number): Rates {
  const hits = since(before.keyspace.hits, after.keyspace.hits);
  const misses = since(before.keyspace.misses, after.keyspace.misses);
  return {
    commandsPerSecond: since(before.traffic.commands, after.traffic.commands) / seconds,
    hitRate: hits + misses === 0 ? null : hits / (hits + misses),
    bytesInPerSecond: since(before.traffic.bytesIn, after.traffic.bytesIn) / seconds,
    bytesOutPerSecond: since(before.traffic.bytesOut, after.traffic.bytesOut) / seconds,
    evictedPerSecond: since(sum(before, "evicted"), sum(after, "evicted")) / seconds,
    blocks: sum(after, "blocks"),
    usedBytes: sum(after, "usedBytes"),
    clients: after.clients.connected,
  };
}

/** A server that restarted in between counts from zero again. */
function since(from: number, to: number): number {
  return to >= from ? to - from : to;
}

function sum(snapshot: Snapshot, field: "evicted" | "blocks" | "usedBytes"): number {
  return snapshot.tiers.reduce((total, tier) => total + tier[field], 0);
}

const columns: readonly [title: string, cell: (rates: Rates) => string][] = [
  ["commands/s", (r) => formatCount(r.commandsPerSecond)],
  ["hits", (r) => (r.hitRate === null ? "-" : formatRatio(r.hitRate, 1))],
  ["in/s", (r) => formatBytes(r.bytesInPerSecond)],
  ["out/s", (r) => formatBytes(r.bytesOutPerSecond)],
  ["evicted/s", (r) => formatCount(r.evictedPerSecond)],
  ["blocks", (r) => formatCount(r.blocks)],
  ["used", (r) => formatBytes(r.usedBytes)],
  ["clients", (r) => formatCount(r.clients)],
];
const width = 10;

export function statHeading(): string {
  return columns.map(([title]) => title.padStart(width)).join("  ");
}

export function statCells(sample: Rates): string[] {
  return columns.map(([, cell]) => cell(sample));
}

export function statLine(sample: Rates): string {
  return statCells(sample)
    .map((cell) => cell.padStart(width))
    .join("  ");
}
