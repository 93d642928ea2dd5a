import { KeepwarmError } from "../../errors.ts";
import { formatBytes } from "../../util/units.ts";
import { NO_SEGMENT } from "./ssd-index.ts";

const MIN_SEGMENTS = 4;
/** Segment numbers have 16 bits, and one of them means none. */
export const MAX_SEGMENTS: number = NO_SEGMENT;
const MIN_SEGMENT_BYTES = 1024 ** 2;
const MAX_SEGMENT_BYTES = 2 * 1024 ** 3 - 1024 ** 2;
const LARGEST_BLOCK_ROOM_BYTES = 128 * 1024 ** 2;

/** A 64th of the capacity, but room for blocks of 64 MiB where the capacity allows it. */
export function defaultSegmentBytes(capacityBytes: number): number {
  const wanted = Math.max(
    capacityBytes / 64,
    Math.min(LARGEST_BLOCK_ROOM_BYTES, capacityBytes / 16),
  );
  const bytes = Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, wanted));
  return Math.floor(bytes / MIN_SEGMENT_BYTES) * MIN_SEGMENT_BYTES;
}

/** Throws `CONFIG_INVALID` for segments that cannot be. */
export function checkSegmentBytes(bytes: number): void {
  const isWhole = bytes % MIN_SEGMENT_BYTES === 0;
  if (isWhole && bytes >= MIN_SEGMENT_BYTES && bytes <= MAX_SEGMENT_BYTES) return;
  throw new KeepwarmError("CONFIG_INVALID", `segments of ${formatBytes(bytes)} are not possible`, {
    remedy: `Choose whole MiB, ${formatBytes(MIN_SEGMENT_BYTES)} to ${formatBytes(MAX_SEGMENT_BYTES)}.`,
  });
}

/** Throws `CONFIG_INVALID` for a tier that has no room for enough segments of this size. */
export function refuseTooSmall(capacityBytes: number, segmentBytes: number): void {
  if (capacityBytes >= segmentBytes * MIN_SEGMENTS) return;
  throw new KeepwarmError(
    "CONFIG_INVALID",
    `an SSD tier of ${formatBytes(capacityBytes)} is too small for segments of ${formatBytes(segmentBytes)}`,
    { remedy: `Give it at least ${formatBytes(segmentBytes * MIN_SEGMENTS)}.` },
  );
}
