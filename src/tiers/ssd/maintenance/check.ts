import { type SegmentFinding, hasLosses, isDamaged } from "./finding.ts";
import { type MaintenanceOptions, OfflineStore } from "./offline-store.ts";

/** What a directory holds and in what state. */
export interface CheckReport {
  readonly directory: string;
  readonly formatVersion: number;
  readonly segmentBytes: number;
  /** Segment files. */
  readonly segments: number;
  /** Of these, those that hold something. */
  readonly segmentsInUse: number;
  /** Blocks that the next start will find, and their bytes. */
  readonly blocks: number;
  readonly bytes: number;
  readonly pinned: number;
  /** Values that were read, replaced and removed ones as well. */
  readonly values: number;
  readonly valueBytes: number;
  readonly damagedValues: number;
  readonly damagedBytes: number;
  readonly damagedFrames: number;
  readonly damagedFooters: number;
  readonly damagedHeaders: number;
  /** Segments without a footer: normal after `kill -9`, the next start writes it. */
  readonly missingFooters: number;
  /** Segments whose last writes were cut off: normal after `kill -9` or a loss of power. */
  readonly tornTails: number;
  readonly unreadableSegments: number;
  /** `"damaged"`: blocks are lost. `"repairable"`: nothing is lost, and `repair` makes it whole. */
  readonly state: "whole" | "repairable" | "damaged";
  /** The segments that are not whole. */
  readonly findings: readonly SegmentFinding[];
}

/**
 * Reads everything in a data directory that no server has: headers, footers, frames, and every value.
 *
 * Throws as {@link OfflineStore.open} does.
 */
export async function checkDirectory(
  path: string,
  options: MaintenanceOptions = {},
): Promise<CheckReport> {
  const store = await OfflineStore.open(path, { ...options, writable: false, verify: true });
  try {
    return reportOf(path, store);
  } finally {
    await store.close();
  }
}

export function reportOf(path: string, store: OfflineStore): CheckReport {
  const { findings, index, superblock } = store;
  const sum = (of: (finding: SegmentFinding) => number): number =>
    findings.reduce((total, finding) => total + of(finding), 0);
  const count = (is: (finding: SegmentFinding) => boolean): number => findings.filter(is).length;
  const unreadableSegments = store.unreadable.size;
  const isLost = unreadableSegments > 0 || findings.some(hasLosses);
  return {
    directory: path,
    formatVersion: superblock.version,
    segmentBytes: superblock.segmentBytes,
    segments: store.segments.all.length,
    segmentsInUse: store.inUse.length,
    blocks: index.storedCount,
    bytes: index.storedBytes,
    pinned: index.pinnedCount,
    values: sum(({ values }) => values),
    valueBytes: sum(({ valueBytes }) => valueBytes),
    damagedValues: sum(({ torn, damagedValues }) => (torn ? 0 : damagedValues)),
    damagedBytes: sum(({ torn, damagedBytes }) => (torn ? 0 : damagedBytes)),
    damagedFrames: sum(({ torn, damagedFrames }) => (torn ? 0 : damagedFrames)),
    damagedFooters: count(({ footer }) => footer === "damaged"),
    damagedHeaders: count(({ header }) => header === "damaged"),
    missingFooters: count(({ footer }) => footer === "missing"),
    tornTails: count(({ torn }) => torn),
    unreadableSegments,
    state: isLost ? "damaged" : findings.some(isDamaged) ? "repairable" : "whole",
    findings: findings.filter((found) => isDamaged(found) || found.footer !== "whole"),
  };
}
