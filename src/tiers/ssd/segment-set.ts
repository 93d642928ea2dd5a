import { KeepwarmError } from "../../errors.ts";
import { formatBytes } from "../../util/units.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { writeSegmentHeader, writeSegmentTrailer, PAGE_BYTES } from "./layout.ts";
import { Segment } from "./segment.ts";
import { keepNewest } from "./shrink.ts";
import type { Staging } from "./staging.ts";

/** Free segments that only what moves may use: without them nothing could be reclaimed. */
const RESERVED = 1;

/** The segment files of a directory, and which of them is written to. */
export class SegmentSet {
  readonly all: readonly Segment[];
  readonly segmentBytes: number;
  readonly #staging: Staging;
  readonly #storeId: Buffer;
  readonly #now: () => number;
  /** In the order in which they came free: the bytes of older generations are overwritten first. */
  readonly #free: Segment[] = [];
  readonly #waiting: (() => void)[] = [];
  #active: Segment | undefined;
  #generation: number;

  private constructor(
    all: readonly Segment[],
    segmentBytes: number,
    staging: Staging,
    storeId: Buffer,
    now: () => number,
  ) {
    this.all = all;
    this.segmentBytes = segmentBytes;
    this.#staging = staging;
    this.#storeId = storeId;
    this.#now = now;
    this.#generation = 0;
  }

  /** Opens `count` files, making those that are not there; of more than that the newest are kept. */
  static async open(
    disk: Disk,
    count: number,
    segmentBytes: number,
    staging: Staging,
    storeId: Buffer,
    now: () => number,
  ): Promise<SegmentSet> {
    const before = await keepNewest(disk, count, segmentBytes, staging, storeId);
    const all: Segment[] = [];
    try {
      for (let number = 0; number < count; number++) {
        const file: DiskFile = await disk.open(Segment.nameOf(number), segmentBytes);
        all.push(new Segment(number, file, segmentBytes));
      }
      if (before < count) await disk.syncNames();
    } catch (error) {
      for (const { file } of all) await file.close().catch(() => undefined);
      throw tooManyFiles(error, disk.directory, count, segmentBytes) ?? error;
    }
    return new SegmentSet(all, segmentBytes, staging, storeId, now);
  }

  /** The generation that is written to, or was last. */
  get generation(): number {
    return this.#generation;
  }

  get active(): Segment | undefined {
    return this.#active;
  }

  get freeCount(): number {
    return this.#free.length;
  }

  /** Continues counting after what was found on the disk. */
  startAfter(generation: number): void {
    this.#generation = Math.max(this.#generation, generation);
  }

  /** The closed segment of the oldest generation. */
  oldest(): Segment | undefined {
    let oldest: Segment | undefined;
    for (const segment of this.all)
      if (segment.state === "closed" && segment.generation < (oldest?.generation ?? Infinity))
        oldest = segment;
    return oldest;
  }

  /** Holds nothing any more that anybody wants. */
  release(segment: Segment): void {
    segment.state = "free";
    segment.forgetFooter();
    this.#free.push(segment);
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Resolves at the next {@link release}. */
  freed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Whether another segment can be begun now. */
  canBegin(forMoves: boolean): boolean {
    return this.#free.length > (forMoves ? 0 : RESERVED);
  }

  /**
   * Begins another segment. Rejects when the disk fails; the segment then goes to the end of the queue.
   * @param sync - whether its old contents must be gone for good before anything else is written.
   */
  async begin(sync: boolean): Promise<Segment> {
    const segment = this.#free.shift()!;
    segment.begin(++this.#generation, this.#now());
    const run = await this.#staging.take(1);
    try {
      writeSegmentHeader(run.memory, {
        storeId: this.#storeId,
        generation: segment.generation,
        segmentBytes: this.segmentBytes,
        openedAt: segment.openedAt,
      });
      await segment.file.write([run.memory], 0);
      if (sync) await segment.file.sync();
    } catch (error) {
      this.release(segment);
      throw error;
    } finally {
      run.release();
    }
    segment.isDirty = true;
    this.#active = segment;
    return segment;
  }

  /** The active segment takes no more frames. */
  endActive(): Segment | undefined {
    const segment = this.#active;
    this.#active = undefined;
    if (segment !== undefined) segment.state = "ending";
    return segment;
  }

  /** Writes footer and trailer, so that the next start need not scan the segment. */
  async writeFooter(segment: Segment): Promise<void> {
    const { footer } = segment;
    const footerBytes = footer.length;
    const trailer = {
      generation: segment.generation,
      footerPage: segment.position / PAGE_BYTES,
      footerBytes,
      records: segment.records,
      footerCrc: segment.footerCrc,
    };
    const chunkPages = Math.min(256, Math.ceil(Math.max(1, footerBytes) / PAGE_BYTES));
    const run = await this.#staging.take(chunkPages);
    try {
      for (let from = 0; from < footerBytes; from += run.memory.length) {
        const part = footer.subarray(from, from + run.memory.length);
        part.copy(run.memory);
        const pages = Math.ceil(part.length / PAGE_BYTES);
        run.memory.fill(0, part.length, pages * PAGE_BYTES);
        await segment.file.write(
          [run.memory.subarray(0, pages * PAGE_BYTES)],
          segment.position + from,
        );
      }
      const page = run.memory.subarray(0, PAGE_BYTES);
      writeSegmentTrailer(page, this.#storeId, trailer);
      await segment.file.write([page], segment.bytes - PAGE_BYTES);
    } finally {
      run.release();
    }
    segment.isDirty = true;
    segment.forgetFooter();
  }

  async close(): Promise<void> {
    for (const { file } of this.all) await file.close().catch(() => undefined);
  }
}

/** A directory that was made small keeps its small segments when it is given more room. */
function tooManyFiles(
  error: unknown,
  directory: string,
  count: number,
  segmentBytes: number,
): KeepwarmError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EMFILE" && code !== "ENFILE") return undefined;
  return new KeepwarmError(
    "CONFIG_INVALID",
    `${directory} needs ${count} segments of ${formatBytes(segmentBytes)}, more files than may be open`,
    {
      cause: error,
      remedy:
        "Raise `ulimit -n`, make ssd.size smaller, or move the blocks to a new directory with `keepwarm ssd export` and `import`.",
    },
  );
}
