import { KeepwarmError, isKeepwarmError } from "../../../errors.ts";
import { DataDirectory, type Superblock, type SuperblockFacts } from "../data-directory.ts";
import { peekFrameHeader } from "../frame.ts";
import { PAGE_BYTES, type SegmentHeader } from "../layout.ts";
import { Loader } from "../loader.ts";
import { Segment } from "../segment.ts";
import type { SegmentContents } from "../segment-reader.ts";
import { SegmentSet } from "../segment-set.ts";
import { SsdIndex } from "../ssd-index.ts";
import { Staging } from "../staging.ts";
import type { SegmentFinding } from "./finding.ts";
import { OfflineDisk } from "./offline-disk.ts";
import { ThoroughReader } from "./thorough-reader.ts";

/** How far work on a directory is. */
export interface MaintenanceProgress {
  /** Segments, or blocks. */
  readonly done: number;
  readonly of: number;
  /** Bytes of values so far. */
  readonly bytes: number;
}

export interface MaintenanceOptions {
  readonly signal?: AbortSignal;
  /** Called often: after each value or segment. */
  readonly onProgress?: (progress: MaintenanceProgress) => void;
}

export interface OfflineStoreOptions extends MaintenanceOptions {
  /** Whether the directory is to be changed. A read-only file system is enough without. */
  readonly writable: boolean;
  /** Whether to read and prove every value. Default: only those of segments without a footer. */
  readonly verify?: boolean;
  /** What stood in a superblock that cannot be read any more. */
  readonly lost?: SuperblockFacts | undefined;
  /** Called with what each segment says, the newest first. */
  readonly loaded?: (
    segment: Segment,
    contents: SegmentContents,
    finding: SegmentFinding,
  ) => Promise<void>;
}

/** Memory for values on their way; more when a value is larger. */
const STAGING_BYTES = 256 * 1024 ** 2;
const KEY_MEMORY_BYTES = 4 * 1024 ** 3;
/** What a file system says that takes no lock file. */
const READ_ONLY: readonly unknown[] = ["EROFS", "EACCES", "EPERM"];

/**
 * A data directory that no server has, held for as long as work on it takes, with an index of its
 * live blocks.
 */
export class OfflineStore {
  readonly superblock: Superblock;
  readonly disk: OfflineDisk;
  readonly segments: SegmentSet;
  readonly staging: Staging;
  readonly index: SsdIndex;
  /** By age, the oldest first. */
  readonly inUse: readonly Segment[];
  readonly findings: readonly SegmentFinding[];
  /** Segments that could not be read, and why. */
  readonly unreadable: ReadonlyMap<number, string>;
  readonly #reader: ThoroughReader;
  readonly #directory: DataDirectory | undefined;

  private constructor(parts: {
    readonly superblock: Superblock;
    readonly directory: DataDirectory | undefined;
    readonly disk: OfflineDisk;
    readonly segments: SegmentSet;
    readonly staging: Staging;
    readonly index: SsdIndex;
    readonly inUse: readonly Segment[];
    readonly reader: ThoroughReader;
    readonly unreadable: ReadonlyMap<number, string>;
  }) {
    this.superblock = parts.superblock;
    this.#directory = parts.directory;
    this.disk = parts.disk;
    this.segments = parts.segments;
    this.staging = parts.staging;
    this.index = parts.index;
    this.inUse = parts.inUse;
    this.#reader = parts.reader;
    this.unreadable = parts.unreadable;
    this.findings = [...parts.reader.findings.values()].toSorted((a, b) => a.number - b.number);
  }

  /**
   * Locks the directory and reads what its segments say.
   *
   * Throws `INPUT_INVALID` when it is no data directory, `CONFIG_INVALID` when a process has it or its
   * format is unknown, and the signal's reason.
   */
  static async open(path: string, options: OfflineStoreOptions): Promise<OfflineStore> {
    const { directory, superblock } = await hold(path, options);
    const disk = new OfflineDisk(path, options.writable);
    let segments: SegmentSet | undefined;
    try {
      const storeId = Buffer.from(superblock.storeId, "hex");
      const staging = new Staging(Math.max(STAGING_BYTES, 2 * superblock.segmentBytes));
      const count = 1 + Math.max(-1, ...(await segmentNumbers(disk)));
      segments = await SegmentSet.open(
        disk,
        count,
        superblock.segmentBytes,
        staging,
        storeId,
        Date.now,
      );
      const progress = { done: 0, of: 0, bytes: 0 };
      const tell = (): void => options.onProgress?.({ ...progress });
      const reader = new ThoroughReader(staging, storeId, {
        verify: options.verify ?? false,
        signal: options.signal,
        onValue: (bytes) => {
          progress.bytes += bytes;
          tell();
        },
      });
      const inUse = await segmentsInUse(segments, reader, storeId);
      progress.of = inUse.length;
      const index = new SsdIndex(1, KEY_MEMORY_BYTES);
      const unreadable = new Map<number, string>();
      const loader = new Loader({
        index,
        reader,
        now: Date.now,
        unreadable: (segment, error) => {
          if (options.signal?.aborted === true) loader.stop();
          else unreadable.set(segment.number, (error as Error).message);
        },
        loaded: async (segment, contents) => {
          progress.done++;
          tell();
          await options.loaded?.(segment, contents, reader.findings.get(segment.number)!);
        },
      });
      await loader.run(inUse.toReversed());
      options.signal?.throwIfAborted();
      return new OfflineStore({
        superblock,
        directory,
        disk,
        segments,
        staging,
        index,
        inUse,
        reader,
        unreadable,
      });
    } catch (error) {
      await segments?.close();
      await directory?.close();
      throw error;
    }
  }

  /** What a segment says of itself now. */
  async contentsOf(segment: Segment): Promise<SegmentContents> {
    const { generation } = segment;
    return (
      (await this.#reader.footerOf(segment, generation)) ?? this.#reader.scan(segment, generation)
    );
  }

  /** Rows of live blocks by segment number, in the order in which they lie there. */
  rowsBySegment(): Map<number, number[]> {
    const { index } = this;
    const bySegment = new Map<number, number[]>(this.inUse.map(({ number }) => [number, []]));
    for (let row = 1; row < index.end; row++)
      if (index.isPresent(row) && index.isStored(row)) bySegment.get(index.segment(row))!.push(row);
    for (const rows of bySegment.values())
      rows.sort((a, b) => index.position(a) - index.position(b));
    return bySegment;
  }

  async close(): Promise<void> {
    await this.segments.close();
    await this.#directory?.close();
  }
}

async function hold(
  path: string,
  { writable, lost }: OfflineStoreOptions,
): Promise<{ directory: DataDirectory | undefined; superblock: Superblock }> {
  try {
    const directory = await DataDirectory.hold(path, lost);
    return { directory, superblock: directory.superblock };
  } catch (error) {
    const cause = isKeepwarmError(error)
      ? (error.cause as NodeJS.ErrnoException | undefined)
      : undefined;
    const superblock = READ_ONLY.includes(cause?.code) ? await DataDirectory.read(path) : undefined;
    if (writable || superblock === undefined) throw error;
    return { directory: undefined, superblock };
  }
}

/** Numbers of the segment files that are there. */
export async function segmentNumbers(disk: Pick<OfflineDisk, "names">): Promise<number[]> {
  const numbers = (await disk.names()).map((name) => Segment.numberOf(name));
  return numbers.filter((number) => number !== undefined);
}

/** Those that hold something, the oldest first. */
async function segmentsInUse(
  segments: SegmentSet,
  reader: ThoroughReader,
  storeId: Buffer,
): Promise<Segment[]> {
  const found: Segment[] = [];
  const without: Segment[] = [];
  const adopt = (segment: Segment, { generation, openedAt }: SegmentHeader): void => {
    segment.generation = generation;
    segment.openedAt = openedAt;
    segment.state = "closed";
    found.push(segment);
  };
  for (const segment of segments.all) {
    const header = await reader.headerOf(segment);
    if (header?.segmentBytes === segment.bytes) adopt(segment, header);
    else without.push(segment);
  }
  for (const segment of without) {
    const generation = await generationOfFirstFrame(segment, storeId);
    if (generation === 0 || found.some((other) => other.generation === generation)) continue;
    reader.damagedHeaders.add(segment.number);
    adopt(segment, { storeId, generation, segmentBytes: segment.bytes, openedAt: Date.now() });
  }
  return found.toSorted((a, b) => a.generation - b.generation);
}

/** Generation of the frame behind a header page that is not whole; 0 when there is none. */
async function generationOfFirstFrame(segment: Segment, storeId: Buffer): Promise<number> {
  const page = Buffer.alloc(PAGE_BYTES);
  await segment.file.read(page, PAGE_BYTES);
  const generation = page.readDoubleLE(8);
  const isFrame = peekFrameHeader(page, storeId, generation) !== undefined;
  return isFrame && Number.isSafeInteger(generation) && generation > 0 ? generation : 0;
}

/** Refuses to change a directory of which a part could not be read. */
export function requireReadable(store: OfflineStore): void {
  for (const [number, reason] of store.unreadable)
    throw new KeepwarmError(
      "INPUT_INVALID",
      `${Segment.nameOf(number)} cannot be read: ${reason}`,
      {
        remedy: "Copy what the disk still gives (`keepwarm ssd export`), and use another one.",
      },
    );
}
