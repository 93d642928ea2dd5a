import { plural } from "../render/plural.ts";
import { formatBytes, formatCount, formatDuration, formatRatio } from "../../util/units.ts";
import { formatLatency, gigabytesPerSecond, type LatencySummary } from "../load/latency.ts";
import type { Snapshot } from "../server/snapshot.ts";
import type { ReplayCounts, ReplayResult } from "./replay.ts";
import type { TraceSummary } from "./summary.ts";

/** What `trace replay --json` prints. Rates are shares from 0 to 1. */
export interface ReplayReport {
  readonly trace: string;
  readonly server: { readonly product: string; readonly version: string; readonly policy: string };
  readonly settings: {
    readonly blockBytes: number;
    readonly capacityBlocks: number | undefined;
    readonly ssdCapacityBlocks: number | undefined;
    readonly connections: number;
    readonly depth: number;
    readonly matchedBy: "KW.MATCH" | "EXISTS";
  };
  readonly requests: number;
  readonly blocks: number;
  readonly hitBlocks: number;
  readonly blockHitRate: number;
  readonly tokenHitRate: number;
  /** Block hit rate of a store that never forgets, over the same requests. */
  readonly maxBlockHitRate: number;
  readonly elapsedMs: number;
  readonly getGigabytesPerSecond: number;
  readonly putGigabytesPerSecond: number;
  readonly movedBytes: number;
  readonly latency: {
    readonly match: LatencySummary;
    readonly get: LatencySummary;
    readonly put: LatencySummary;
  };
  /** What the SSD tier did, if the server has one. */
  readonly ssd: SsdReport | undefined;
  /** Blocks that left a tier; RAM and disk count each for itself. */
  readonly evicted: number;
  /** Blocks in the store at the end; one that RAM and disk have counts twice. */
  readonly kept: number;
  readonly lost: number;
  readonly corrupt: number;
  /** The store evicted before it kept as many blocks as it was allowed. */
  readonly tooFewKept: boolean;
}

/** The SSD tier's part in a replay. */
interface SsdReport {
  /** Blocks read from the disk. */
  readonly reads: number;
  readonly evicted: number;
  readonly kept: number;
  /** Bytes that went to the disk for each byte stored there. */
  readonly writeAmplification: number;
}

interface ReplaySettings {
  readonly file: string;
  readonly blockBytes: number;
  readonly capacityBlocks: number | undefined;
  readonly ssdCapacityBlocks: number | undefined;
  readonly connections: number;
  readonly depth: number;
}

export function replayReport(
  settings: ReplaySettings,
  trace: TraceSummary,
  result: ReplayResult,
  before: Snapshot,
  after: Snapshot,
  matches: boolean,
): ReplayReport {
  const { file, blockBytes, capacityBlocks, ssdCapacityBlocks, connections, depth } = settings;
  const evicted = sum(after, "evicted") - sum(before, "evicted");
  const kept = sum(after, "blocks");
  return {
    trace: file,
    server: {
      product: after.product,
      version: after.version,
      policy: after.tiers[0]?.policy ?? "unknown",
    },
    settings: {
      blockBytes,
      capacityBlocks,
      ssdCapacityBlocks,
      connections,
      depth,
      matchedBy: matches ? "KW.MATCH" : "EXISTS",
    },
    requests: result.requests,
    blocks: result.blocks,
    hitBlocks: result.hitBlocks,
    blockHitRate: share(result.hitBlocks, result.blocks),
    tokenHitRate: share(result.hitTokens, result.tokens),
    maxBlockHitRate: trace.maxHitRate,
    elapsedMs: result.elapsedMs,
    getGigabytesPerSecond: gigabytesPerSecond(result.getBytes, result.getMs),
    putGigabytesPerSecond: gigabytesPerSecond(result.putBytes, result.putMs),
    movedBytes: result.getBytes + result.putBytes,
    latency: { match: result.matchLatency, get: result.getLatency, put: result.putLatency },
    ssd: ssdReport(before, after),
    evicted,
    kept,
    lost: result.lost,
    corrupt: result.corrupt,
    tooFewKept: ["ram", "ssd"].some((tier) => {
      const allowed = tier === "ram" ? (capacityBlocks ?? trace.uniqueBlocks) : ssdCapacityBlocks;
      return allowed !== undefined && keptTooFew(before, after, tier, allowed);
    }),
  };
}

/** A disk forgets a segment at a time, so a little less than is allowed may be there. */
function keptTooFew(before: Snapshot, after: Snapshot, name: string, allowed: number): boolean {
  const tier = after.tiers.find((tier) => tier.name === name);
  if (tier === undefined) return false;
  const evicted = tier.evicted - (before.tiers.find((tier) => tier.name === name)?.evicted ?? 0);
  return evicted > 0 && tier.blocks < (name === "ssd" ? 0.9 : 0.98) * allowed;
}

function ssdReport(before: Snapshot, after: Snapshot): SsdReport | undefined {
  const ssd = after.tiers.find(({ name }) => name === "ssd");
  if (ssd === undefined) return undefined;
  const old = before.tiers.find(({ name }) => name === "ssd");
  return {
    reads: ssd.hits - (old?.hits ?? 0),
    evicted: ssd.evicted - (old?.evicted ?? 0),
    kept: ssd.blocks,
    writeAmplification: ssd.writeAmplification ?? 0,
  };
}

export function replayFacts(report: ReplayReport): [string, string][] {
  const { server, settings, latency, ssd } = report;
  const ram =
    settings.capacityBlocks === undefined
      ? "no limit of blocks"
      : `at most ${plural(settings.capacityBlocks, "block")}`;
  const disk = settings.ssdCapacityBlocks;
  const capacity = disk === undefined ? ram : `${ram} in RAM, ${formatCount(disk)} on disk`;
  return [
    ["server", `${server.product} ${server.version}, ${server.policy}, ${capacity}`],
    ["requests", `${formatCount(report.requests)} in ${formatDuration(report.elapsedMs)}`],
    ["blocks", `${formatCount(report.blocks)} of ${formatBytes(settings.blockBytes)}`],
    [
      "block hit rate",
      `${percent(report.blockHitRate)}; ${percent(report.maxBlockHitRate)} at best`,
    ],
    ["token hit rate", percent(report.tokenHitRate)],
    ["match", `${formatLatency(latency.match)} a chain, by ${settings.matchedBy}`],
    ["get", `${speed(report.getGigabytesPerSecond)}, ${formatLatency(latency.get)}`],
    ["put", `${speed(report.putGigabytesPerSecond)}, ${formatLatency(latency.put)}`],
    ...(ssd === undefined ? [] : [["disk", diskLine(ssd)] satisfies [string, string]]),
    ["evicted", `${plural(report.evicted, "block")}; ${formatCount(report.kept)} kept`],
    ["verified", verdict(report)],
  ];
}

function diskLine({ reads, kept, writeAmplification }: SsdReport): string {
  const written = `${writeAmplification.toFixed(2)} bytes written for each byte stored`;
  return `${plural(reads, "block")} read, ${formatCount(kept)} kept, ${written}`;
}

/** The line that shows how far a replay is. */
export function progressLine(counts: ReplayCounts, trace: TraceSummary, elapsedMs: number): string {
  const done = counts.blocks / Math.max(1, trace.blocks);
  const left = done === 0 ? "-" : formatDuration((elapsedMs / done) * (1 - done));
  const rate = formatBytes(((counts.getBytes + counts.putBytes) / Math.max(1, elapsedMs)) * 1000);
  return [
    `${formatCount(counts.requests)} of ${formatCount(trace.requests)} requests`,
    `hit rate ${formatRatio(counts.hitBlocks, counts.blocks)}`,
    `${rate}/s`,
    `${left} left`,
  ].join(", ");
}

function sum({ tiers }: Snapshot, field: "evicted" | "blocks"): number {
  return tiers.reduce((total, tier) => total + tier[field], 0);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function speed(gigabytesPerSecond: number): string {
  return `${gigabytesPerSecond.toFixed(2)} GB/s`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function verdict({ corrupt, lost }: ReplayReport): string {
  const gone = lost === 0 ? "" : `; ${formatCount(lost)} evicted between match and read`;
  return corrupt === 0
    ? `every block read was what was stored${gone}`
    : `${plural(corrupt, "block")} came back WRONG${gone}`;
}
