import type { DiskFile } from "../disk.ts";
import { FrameBuilder } from "../frame-builder.ts";
import { PAGE_BYTES, writeSegmentHeader } from "../layout.ts";
import { type LogItem, recordOf } from "../log-item.ts";
import { Segment } from "../segment.ts";
import type { OfflineStore } from "./offline-store.ts";

/** Fills one segment file, frame by frame. */
export class SegmentWriter {
  readonly #store: OfflineStore;
  readonly #segment: Segment;
  readonly #storeId: Buffer;
  #builder = new FrameBuilder();

  private constructor(store: OfflineStore, segment: Segment) {
    this.#store = store;
    this.#segment = segment;
    this.#storeId = Buffer.from(store.superblock.storeId, "hex");
  }

  /** @param like - the segment whose generation and age it takes. */
  static async begin(store: OfflineStore, file: DiskFile, like: Segment): Promise<SegmentWriter> {
    const segment = new Segment(like.number, file, like.bytes);
    segment.begin(like.generation, like.openedAt);
    const writer = new SegmentWriter(store, segment);
    const page = Buffer.alloc(PAGE_BYTES);
    writeSegmentHeader(page, {
      storeId: writer.#storeId,
      generation: like.generation,
      segmentBytes: like.bytes,
      openedAt: like.openedAt,
    });
    await file.write([page], 0);
    return writer;
  }

  /** Takes the item and releases its source in the end. `false`: the segment is full. */
  async add(item: LogItem): Promise<boolean> {
    if (this.#builder.add(item, this.#segment)) return true;
    if (this.#builder.items.length === 0) return false;
    await this.#flush();
    return this.#builder.add(item, this.#segment);
  }

  /** Writes the rest and the footer; all of it survives a loss of power then. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#store.segments.writeFooter(this.#segment);
    await this.#segment.file.sync();
    await this.#segment.file.close();
  }

  /** Gives up what is not written yet. */
  async abandon(): Promise<void> {
    for (const { source } of this.#builder.items) source?.release();
    await this.#segment.file.close();
  }

  async #flush(): Promise<void> {
    const builder = this.#builder;
    this.#builder = new FrameBuilder();
    if (builder.items.length === 0) return;
    const segment = this.#segment;
    const run = await this.#store.staging.take(builder.stagedPages);
    try {
      builder.build(run.memory, this.#storeId, segment.generation);
      const start = segment.position;
      segment.place(builder.pages, builder.footerBytes);
      await segment.file.write([run.memory, ...builder.images()], start);
      for (const item of builder.items) segment.addToFooter(recordOf(item, start), item.key);
    } finally {
      for (const { source } of builder.items) source?.release();
      run.release();
    }
  }
}
