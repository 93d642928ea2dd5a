import { DataDirectory, VERSIONS_A_SESSION } from "../data-directory.ts";
import { PAGE_BYTES, writeSegmentHeader } from "../layout.ts";
import { newRecord } from "../record.ts";
import type { Segment } from "../segment.ts";
import { type SegmentContents, walkRecords } from "../segment-reader.ts";
import { type CheckReport, reportOf } from "./check.ts";
import { removeLeftovers } from "./compact.ts";
import type { SegmentFinding } from "./finding.ts";
import { lostSuperblock } from "./lost-superblock.ts";
import { type MaintenanceOptions, OfflineStore } from "./offline-store.ts";

export interface RepairOptions extends MaintenanceOptions {
  /** Only tells what would be done. */
  readonly dryRun?: boolean;
}

export interface RepairReport extends CheckReport {
  readonly dryRun: boolean;
  /** Written, or to be written in a dry run. */
  readonly headersWritten: number;
  readonly footersWritten: number;
  readonly superblockWritten: boolean;
  /** Records of damaged values that are no longer told of. */
  readonly recordsDropped: number;
}

interface Work {
  readonly segment: Segment;
  readonly contents: SegmentContents;
  readonly finding: SegmentFinding;
}

/**
 * Makes a data directory whole: writes headers and footers that are missing or damaged from what the
 * frames say, a superblock from what the headers say, and forgets values that are damaged. Whole blocks
 * are never touched.
 *
 * Throws as {@link OfflineStore.open} does, and what the disk says when it cannot be written.
 */
export async function repairDirectory(
  path: string,
  { dryRun = false, ...options }: RepairOptions = {},
): Promise<RepairReport> {
  const works: Work[] = [];
  const lost = await lostSuperblock(path);
  let lastVersion = 0;
  const store = await OfflineStore.open(path, {
    ...options,
    writable: !dryRun,
    verify: true,
    lost,
    loaded: async (segment, contents, finding) => {
      walkRecords(contents.records, 0, newRecord(), ({ version }) => {
        lastVersion = Math.max(lastVersion, version);
        return true;
      });
      if (needsWork(finding)) works.push({ segment, contents, finding });
    },
  });
  try {
    if (!dryRun) {
      for (const work of works) await repair(store, work);
      if (lost !== undefined)
        await DataDirectory.restore(path, lost, Math.ceil(lastVersion / VERSIONS_A_SESSION));
      await removeLeftovers(store);
    }
    return {
      ...reportOf(path, store),
      dryRun,
      headersWritten: works.filter(({ finding }) => finding.header === "damaged").length,
      footersWritten: works.length,
      superblockWritten: lost !== undefined,
      recordsDropped: works.reduce((sum, { finding }) => sum + finding.damagedValues, 0),
    };
  } finally {
    await store.close();
  }
}

function needsWork({ header, footer, damagedValues }: SegmentFinding): boolean {
  return header === "damaged" || footer !== "whole" || damagedValues > 0;
}

async function repair(store: OfflineStore, { segment, contents, finding }: Work): Promise<void> {
  segment.recover(contents.records, contents.count, contents.end);
  if (segment.hasFooterRoom) await store.segments.writeFooter(segment);
  else await segment.file.write([Buffer.alloc(PAGE_BYTES)], segment.bytes - PAGE_BYTES);
  await segment.file.sync();
  if (finding.header === "whole") return;
  const page = Buffer.alloc(PAGE_BYTES);
  writeSegmentHeader(page, {
    storeId: Buffer.from(store.superblock.storeId, "hex"),
    generation: segment.generation,
    segmentBytes: segment.bytes,
    openedAt: segment.openedAt,
  });
  await segment.file.write([page], 0);
  await segment.file.sync();
}
