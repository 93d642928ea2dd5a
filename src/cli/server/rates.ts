import { formatBytes, formatCount, formatRatio } from "../../util/units.ts";
import { isOnDisk, type Snapshot } from "./snapshot.ts";

/** What happened between two snapshots, per second, and what there is now. */
export interface Rates {
  readonly commandsPerSecond: number;
  /** Share of looked-up keys that were there, 0 to 1, null when none was looked up. */
  readonly hitRate: number | null;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly evictedPerSecond: number;
  /** In RAM. */
  readonly blocks: number;
  readonly usedBytes: number;
  readonly clients: number;
  /** The tier on disk, if there is one. */
  readonly ssd?: DiskRates;
  /** Blocks that are kept encoded, if there is room for any. */
  readonly coded?: CodedRates;
}

/** What encoding did, per second, and what there is now. */
interface CodedRates {
  readonly encodedPerSecond: number;
  readonly decodedPerSecond: number;
  readonly usedBytes: number;
  /** Bytes before for each byte after, since the server started; null before the first block. */
  readonly ratio: number | null;
}

/** What happened on disk, per second, and what waits now. */
interface DiskRates {
  /** Blocks that were read. */
  readonly hitsPerSecond: number;
  /** Bytes to the disk and from it. */
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly queuedBytes: number;
  readonly blocks: number;
}

export function rates(before: Snapshot, after: Snapshot, seconds: number): Rates {
  const hits = since(before.keyspace.hits, after.keyspace.hits);
  const misses = since(before.keyspace.misses, after.keyspace.misses);
  return {
    commandsPerSecond: since(before.traffic.commands, after.traffic.commands) / seconds,
    hitRate: hits + misses === 0 ? null : hits / (hits + misses),
    bytesInPerSecond: since(before.traffic.bytesIn, after.traffic.bytesIn) / seconds,
    bytesOutPerSecond: since(before.traffic.bytesOut, after.traffic.bytesOut) / seconds,
    evictedPerSecond: since(evicted(before), evicted(after)) / seconds,
    blocks: after.tiers[0].blocks,
    usedBytes: after.tiers[0].usedBytes,
    clients: after.clients.connected,
    ...diskRates(before, after, seconds),
    ...codedRates(before, after, seconds),
  };
}

function codedRates(before: Snapshot, after: Snapshot, seconds: number): { coded?: CodedRates } {
  const { coded } = after;
  if (coded === undefined) return {};
  const rate = (of: "encoded" | "decoded"): number =>
    since(before.coded?.[of] ?? 0, coded[of]) / seconds;
  return {
    coded: {
      encodedPerSecond: rate("encoded"),
      decodedPerSecond: rate("decoded"),
      usedBytes: coded.usedBytes,
      ratio: coded.encodedBytes === 0 ? null : coded.originalBytes / coded.encodedBytes,
    },
  };
}

function diskRates(before: Snapshot, after: Snapshot, seconds: number): { ssd?: DiskRates } {
  const tier = after.tiers.find(isOnDisk);
  if (tier === undefined) return {};
  const earlier = before.tiers.find(isOnDisk);
  const rate = (of: "hits" | "writtenBytes" | "readBytes"): number =>
    since(earlier?.[of] ?? 0, tier[of]) / seconds;
  return {
    ssd: {
      hitsPerSecond: rate("hits"),
      bytesInPerSecond: rate("writtenBytes"),
      bytesOutPerSecond: rate("readBytes"),
      queuedBytes: tier.queuedBytes,
      blocks: tier.blocks,
    },
  };
}

/** A server that restarted in between counts from zero again. */
function since(from: number, to: number): number {
  return to >= from ? to - from : to;
}

function evicted({ tiers }: Snapshot): number {
  return tiers.reduce((total, tier) => total + tier.evicted, 0);
}

type Column = readonly [title: string, cell: (rates: Rates) => string];

const columns: readonly Column[] = [
  ["commands/s", (r) => formatCount(r.commandsPerSecond)],
  ["hits", (r) => (r.hitRate === null ? "-" : formatRatio(r.hitRate, 1))],
  ["in/s", (r) => formatBytes(r.bytesInPerSecond)],
  ["out/s", (r) => formatBytes(r.bytesOutPerSecond)],
  ["evicted/s", (r) => formatCount(r.evictedPerSecond)],
  ["blocks", (r) => formatCount(r.blocks)],
  ["used", (r) => formatBytes(r.usedBytes)],
  ["clients", (r) => formatCount(r.clients)],
];
const diskColumns: readonly Column[] = [
  ["ssd hits/s", ({ ssd }) => formatCount(ssd?.hitsPerSecond ?? 0)],
  ["ssd in/s", ({ ssd }) => formatBytes(ssd?.bytesInPerSecond ?? 0)],
  ["ssd out/s", ({ ssd }) => formatBytes(ssd?.bytesOutPerSecond ?? 0)],
  ["ssd queue", ({ ssd }) => formatBytes(ssd?.queuedBytes ?? 0)],
];
const codedColumns: readonly Column[] = [
  ["encoded/s", ({ coded }) => formatCount(coded?.encodedPerSecond ?? 0)],
  ["decoded/s", ({ coded }) => formatCount(coded?.decodedPerSecond ?? 0)],
  ["coded", ({ coded }) => formatBytes(coded?.usedBytes ?? 0)],
  ["ratio", ({ coded }) => coded?.ratio?.toFixed(2) ?? "-"],
];
const width = 10;

/** Servers with a tier on disk, or with room for encoded blocks, have columns for it. */
function columnsOf({ ssd, coded }: Rates): readonly Column[] {
  return [
    ...columns,
    ...(ssd === undefined ? [] : diskColumns),
    ...(coded === undefined ? [] : codedColumns),
  ];
}

export function statHeading(sample: Rates): string {
  return columnsOf(sample)
    .map(([title]) => title.padStart(width))
    .join("  ");
}

export function statCells(sample: Rates): string[] {
  return columnsOf(sample).map(([, cell]) => cell(sample));
}

export function statLine(sample: Rates): string {
  return statCells(sample)
    .map((cell) => cell.padStart(width))
    .join("  ");
}
