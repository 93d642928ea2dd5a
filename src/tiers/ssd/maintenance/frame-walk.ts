import { type FrameHeader, isFrameHeaderWhole, peekFrameHeader } from "../frame.ts";
import { PAGE_BYTES } from "../layout.ts";
import type { Segment } from "../segment.ts";
import type { Staging } from "../staging.ts";

const CHUNK_PAGES = 256;

/** What begins at a page of a segment where a frame was looked for. */
export type WalkStep =
  | {
      readonly kind: "frame";
      readonly position: number;
      readonly header: FrameHeader;
      /** The header's pages: a copy. */
      readonly pages: Buffer;
    }
  /** Looks like a frame of this generation, but its header is not whole. */
  | { readonly kind: "damaged"; readonly position: number };

/**
 * All frames of a generation between the segment's header and `end`, beyond damaged ones as well:
 * where no frame is whole, the next page is looked at.
 */
export async function* walkFrames(
  segment: Segment,
  storeId: Buffer,
  end: number,
  staging: Staging,
): AsyncGenerator<WalkStep> {
  let position = PAGE_BYTES;
  const run = await staging.take(CHUNK_PAGES);
  let chunkAt = 0;
  let chunkBytes = 0;
  let isSearching = false;
  /** The page at `position`: of a whole chunk while a frame is searched for. */
  const page = async (): Promise<Buffer> => {
    if (position < chunkAt || position >= chunkAt + chunkBytes) {
      chunkAt = position;
      chunkBytes = isSearching ? Math.min(run.memory.length, segment.bytes - position) : PAGE_BYTES;
      await segment.file.read(run.memory.subarray(0, chunkBytes), position);
    }
    const from = position - chunkAt;
    return run.memory.subarray(from, from + PAGE_BYTES);
  };
  try {
    while (position + PAGE_BYTES <= end) {
      const header = peekFrameHeader(await page(), storeId, segment.generation);
      if (header === undefined) {
        isSearching = true;
        position += PAGE_BYTES;
        continue;
      }
      const fits = position + header.pages * PAGE_BYTES <= end;
      const pages = fits ? Buffer.allocUnsafeSlow(header.headerPages * PAGE_BYTES) : undefined;
      if (pages !== undefined) await segment.file.read(pages, position);
      if (pages === undefined || !isFrameHeaderWhole(pages)) {
        yield { kind: "damaged", position };
        isSearching = true;
        position += PAGE_BYTES;
        continue;
      }
      yield { kind: "frame", position, header, pages };
      isSearching = false;
      position += header.pages * PAGE_BYTES;
    }
  } finally {
    run.release();
  }
}
