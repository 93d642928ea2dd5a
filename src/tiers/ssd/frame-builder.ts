import { checksumOf } from "./checksum.ts";
import { FRAME_HEADER_BYTES, MAX_FRAME_RECORDS, sealFrameHeader } from "./frame.ts";
import { PAGE_BYTES, pagesFor } from "./layout.ts";
import { type LogItem, recordOf } from "./log-item.ts";
import { recordBytes, writeRecord } from "./record.ts";
import type { Segment } from "./segment.ts";

/** Most bytes of a frame with more than one record: while the disk is busy, and while it is not. */
const MAX_FRAME_PAGES = (8 * 1024 ** 2) / PAGE_BYTES;
const MAX_EAGER_FRAME_PAGES = (2 * 1024 ** 2) / PAGE_BYTES;
/** Most big values of a frame: each is one piece of a gathering write. */
const MAX_IMAGES = 256;
const PACKED_ALIGNMENT = 8;

/** Collects items for one frame, and lays them out. */
export class FrameBuilder {
  readonly items: LogItem[] = [];
  readonly #maxPages: number;
  #headerBytes = FRAME_HEADER_BYTES;
  #packedBytes = 0;
  #imagePages = 0;
  #images = 0;

  /** @param isEager - the disk has little to do: what waits should not all go in one write. */
  constructor(isEager = false) {
    this.#maxPages = isEager ? MAX_EAGER_FRAME_PAGES : MAX_FRAME_PAGES;
  }

  /** Bytes that the frame's records take in the segment's footer. */
  get footerBytes(): number {
    return this.#headerBytes - FRAME_HEADER_BYTES;
  }

  get headerPages(): number {
    return pagesFor(this.#headerBytes);
  }

  /** Pages of header and small values: what the builder needs memory for. */
  get stagedPages(): number {
    return this.headerPages + pagesFor(this.#packedBytes);
  }

  get pages(): number {
    return this.stagedPages + this.#imagePages;
  }

  /** Adds the item if the frame can take it and still fits the segment. */
  add(item: LogItem, segment: Segment): boolean {
    const header = this.#headerBytes + recordBytes(item.key.length);
    const { source } = item;
    const isPacked = source !== undefined && source.pages === undefined;
    const packed = isPacked ? aligned(this.#packedBytes) + source.value.length : this.#packedBytes;
    const images = this.#imagePages + (source?.pages === undefined ? 0 : imagePages(source));
    const pages = pagesFor(header) + pagesFor(packed) + images;
    if (!segment.hasRoom(pages, header - FRAME_HEADER_BYTES)) return false;
    if (this.items.length > 0) {
      if (pages > this.#maxPages || this.items.length === MAX_FRAME_RECORDS) return false;
      if (!isPacked && source !== undefined && this.#images === MAX_IMAGES) return false;
    }
    this.items.push(item);
    this.#headerBytes = header;
    this.#packedBytes = packed;
    this.#imagePages = images;
    if (!isPacked && source !== undefined) this.#images++;
    return true;
  }

  /** Whether every value has its checksum. */
  get isHashed(): boolean {
    return this.items.every(
      ({ source, checksum }) => source === undefined || checksum !== undefined,
    );
  }

  /** The pages of big values, in the order in which they follow the staged ones. */
  images(): Buffer[] {
    return this.items.flatMap(({ source }) =>
      source?.pages === undefined ? [] : source.pages.subarray(0, imagePages(source) * PAGE_BYTES),
    );
  }

  /** Writes header and small values into `staged`, making the checksums that are missing. */
  build(staged: Buffer, storeId: Buffer, generation: number): void {
    let at = FRAME_HEADER_BYTES;
    let packedAt = this.headerPages * PAGE_BYTES;
    let imageAt = this.stagedPages * PAGE_BYTES;
    for (const item of this.items) {
      const { source } = item;
      if (source !== undefined) {
        item.checksum ??= checksumOf(source.value);
        if (source.pages === undefined) {
          packedAt = aligned(packedAt);
          item.position = packedAt;
          source.value.copy(staged, packedAt);
          packedAt += source.value.length;
        } else {
          item.position = imageAt + source.offset;
          imageAt += imagePages(source) * PAGE_BYTES;
        }
      }
      at = writeRecord(staged, at, recordOf(item, 0), item.key);
    }
    staged.fill(0, at, this.headerPages * PAGE_BYTES);
    sealFrameHeader(staged, storeId, {
      headerPages: this.headerPages,
      records: this.items.length,
      generation,
      pages: this.pages,
    });
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / PACKED_ALIGNMENT) * PACKED_ALIGNMENT;
}

function imagePages(source: { readonly offset: number; readonly value: Buffer }): number {
  return pagesFor(source.offset + source.value.length);
}
