import { Histogram } from "../../observe/histogram.ts";

/** What the SSD tier counts: plain numbers since the start. */
export class SsdCounters {
  hits = 0;
  misses = 0;
  hitBytes = 0;
  stored = 0;
  storedBytes = 0;
  evicted = 0;
  evictedBytes = 0;
  expired = 0;
  rejected = 0;
  /** Values not written because the queue was full or the disk is left alone. */
  skipped = 0;
  /** Values that were to be written and could not be. */
  lost = 0;
  /** Values whose bytes were not those that were written. */
  corrupt = 0;
  /** Reads that failed for another reason, or found no memory. */
  failedReads = 0;
  /** Bytes that went to the disk: values, records, padding, what was moved. */
  writtenBytes = 0;
  /** Bytes of values that were moved from a segment to another. */
  movedBytes = 0;
  moved = 0;
  frames = 0;
  readBytes = 0;
  segmentsReclaimed = 0;
  readonly reads: Histogram = new Histogram();
  readonly syncs: Histogram = new Histogram();
}
