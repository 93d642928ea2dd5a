import { promises as fs } from "node:fs";
import { join } from "node:path";
import { SUPERBLOCK, type SuperblockFacts } from "../data-directory.ts";
import { PAGE_BYTES, STORE_ID_BYTES, readSegmentHeader } from "../layout.ts";
import { Segment } from "../segment.ts";
import { OfflineDisk } from "./offline-disk.ts";

/** Where a segment's header has its store id. */
const STORE_ID_AT = 8;

/**
 * What stood in the superblock of a directory that has none any more, or one that is no JSON, as most
 * of its segments say; `undefined` when the superblock can be read, or no segment says anything.
 */
export async function lostSuperblock(path: string): Promise<SuperblockFacts | undefined> {
  if (await hasSuperblock(path)) return undefined;
  const disk = new OfflineDisk(path, false);
  const votes = new Map<string, { facts: SuperblockFacts; count: number }>();
  const page = Buffer.alloc(PAGE_BYTES);
  for (const name of await disk.names().catch(() => [])) {
    if (Segment.numberOf(name) === undefined) continue;
    const file = await disk.open(name);
    try {
      await file.read(page, 0);
    } finally {
      await file.close();
    }
    const storeId = Buffer.from(page.subarray(STORE_ID_AT, STORE_ID_AT + STORE_ID_BYTES));
    const header = readSegmentHeader(page, storeId);
    if (header === undefined) continue;
    const facts = { storeId: storeId.toString("hex"), segmentBytes: header.segmentBytes };
    const id = JSON.stringify(facts);
    votes.set(id, { facts, count: (votes.get(id)?.count ?? 0) + 1 });
  }
  return [...votes.values()].toSorted((a, b) => b.count - a.count)[0]?.facts;
}

async function hasSuperblock(path: string): Promise<boolean> {
  try {
    const text = await fs.readFile(join(path, SUPERBLOCK), "utf8");
    const found = JSON.parse(text) as { format?: unknown } | null;
    return typeof found?.format === "string";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== undefined && code !== "ENOENT";
  }
}
