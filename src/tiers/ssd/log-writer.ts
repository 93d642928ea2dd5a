import type { SettledOutcome } from "../chain/lower-tier.ts";
import { FrameBuilder } from "./frame-builder.ts";
import type { Health } from "./health.ts";
import { PAGE_BYTES } from "./layout.ts";
import { type LogItem, recordOf } from "./log-item.ts";
import type { Segment } from "./segment.ts";
import type { SegmentSet } from "./segment-set.ts";
import { type Durability, Settlement } from "./settlement.ts";
import type { SsdCounters } from "./ssd-counters.ts";
import type { Staging, StagingRun } from "./staging.ts";

/** Frames on their way to the disk at a time: enough to keep it busy, and threads left for reads. */
const FRAMES_IN_FLIGHT = 3;
/** Tries of one item, each in another segment. */
const MAX_ATTEMPTS = 3;
/** Records without a value that may wait for a disk that fails. */
const MAX_WAITING_RECORDS = 100_000;
/** Small values wait this long for company, unless there is enough of it or somebody waits for them. */
const GATHER_MS = 10;
const GATHER_BYTES = 1024 ** 2;

/** What the writer tells its owner. */
export interface LogWriterOwner {
  /** The item as it is to be written now; `undefined` when what was to move is there no more. */
  moving(item: LogItem): LogItem | undefined;
  /** The item is on the disk, `position` bytes into the segment. */
  written(item: LogItem, segment: Segment, position: number): void;
  /** The item will not be written. */
  lost(item: LogItem): void;
  /** A segment was begun or ended, or none can be begun: time to think of reclaiming. */
  segmentsChanged(): void;
  /** There is room in the queue again. */
  roomInQueue(): void;
}

interface Frame {
  readonly segment: Segment;
  readonly start: number;
  readonly items: readonly LogItem[];
  readonly run: StagingRun;
  state: "writing" | "written" | "failed";
  error: unknown;
}

/**
 * Appends items to the active segment: those that wait go together in one frame, one write each, and
 * become valid in the order in which they were given.
 */
export class LogWriter {
  readonly #segments: SegmentSet;
  readonly #staging: Staging;
  readonly #storeId: Buffer;
  readonly #isDurable: boolean;
  /** Whether whoever writes waits until it is synced. */
  readonly #isWaitedFor: boolean;
  readonly #settlement: Settlement;
  readonly #health: Health;
  readonly #counters: SsdCounters;
  readonly #owner: LogWriterOwner;
  /** New items; `#head` is the next. */
  #queue: LogItem[] = [];
  #head = 0;
  /** Items that move from one segment to another go first. */
  readonly #moves: LogItem[] = [];
  #queuedBytes = 0;
  readonly #frames: Frame[] = [];
  /** Items that wait for memory, on their way from the queue to a frame. */
  #building: readonly LogItem[] = [];
  /** Segments that take no more frames and whose last ones are under way. */
  readonly #ending: Segment[] = [];
  /** Frames that could not be written. */
  #failures = 0;
  #running = false;
  #wake: (() => void) | undefined;
  #resumption: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;
  readonly #background = new Set<Promise<void>>();

  constructor(parts: {
    readonly segments: SegmentSet;
    readonly staging: Staging;
    readonly storeId: Buffer;
    readonly durability: Durability;
    readonly health: Health;
    readonly counters: SsdCounters;
    readonly owner: LogWriterOwner;
  }) {
    this.#segments = parts.segments;
    this.#staging = parts.staging;
    this.#storeId = parts.storeId;
    this.#isDurable = parts.durability !== "none";
    this.#isWaitedFor = parts.durability === "fsync";
    this.#settlement = new Settlement(parts);
    this.#health = parts.health;
    this.#counters = parts.counters;
    this.#owner = parts.owner;
  }

  /** Bytes of values that wait or are being written. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Items that wait or are being written. */
  get queuedItems(): number {
    return (
      this.#queue.length -
      this.#head +
      this.#moves.length +
      this.#building.length +
      this.#frames.reduce((sum, { items }) => sum + items.length, 0)
    );
  }

  /** Whether the disk has nothing of this writer to do, nor will have in this turn. */
  get isIdle(): boolean {
    return !this.#running && this.#frames.length === 0;
  }

  nextSequence(): number {
    return this.#settlement.nextSequence();
  }

  /** Appends the item when its turn comes. */
  add(item: LogItem): void {
    if (item.source === undefined && this.#queue.length - this.#head > MAX_WAITING_RECORDS) {
      this.#lose(item);
      return;
    }
    this.#queuedBytes += item.source?.value.length ?? 0;
    if (item.movedFrom >= 0) this.#moves.push(item);
    else this.#queue.push(item);
    this.#start();
  }

  /** The item with this sequence was never given: its value is lost at once. */
  skipped(sequence: number): void {
    this.#settlement.lost(sequence);
  }

  /** Resolves when all that was given so far is written, and synced where that was promised. */
  settled(): Promise<SettledOutcome> {
    const outcome = this.#settlement.now();
    if (outcome !== undefined) return Promise.resolve(outcome);
    if (this.#health.isPaused) return Promise.resolve("lost");
    const settled = this.#settlement.wait();
    if (this.#gathering !== undefined) this.writeNow();
    this.#settle();
    return settled;
  }

  /** Resolves when nothing waits to be written any more. */
  async drained(): Promise<void> {
    for (;;) {
      if (this.#gathering !== undefined) this.writeNow();
      if (!this.#running && this.#frames.length === 0) break;
      await this.#woken();
    }
  }

  /** Writes what waits, ends the active segment properly, and syncs. */
  async close(): Promise<void> {
    this.#settlement.stop();
    await this.drained();
    clearTimeout(this.#resumption);
    this.#endActive();
    await Promise.all(this.#background);
    if (this.#isDurable) await this.#settlement.sync();
  }

  /** Ends the active segment: its footer follows when its last frame is written. */
  #endActive(): void {
    const segment = this.#segments.endActive();
    if (segment === undefined) return;
    this.#ending.push(segment);
    this.#finishEnded();
  }

  #finishEnded(): void {
    const ended = this.#ending.filter(
      (segment) => !this.#frames.some((frame) => frame.segment === segment),
    );
    for (const segment of ended) {
      this.#ending.splice(this.#ending.indexOf(segment), 1);
      this.#finish(segment);
    }
  }

  #finish(segment: Segment): void {
    if (segment.records === 0) {
      this.#segments.release(segment);
      return;
    }
    const work: Promise<void> = this.#segments
      .writeFooter(segment)
      .catch((error: unknown) => this.#health.failed("writing a segment's footer failed", error))
      .finally(() => {
        segment.state = "closed";
        this.#background.delete(work);
        this.#owner.segmentsChanged();
      });
    this.#background.add(work);
  }

  #start(): void {
    this.#wake?.();
    if (this.#running) return;
    const mayGather = !this.#isWaitedFor && !this.#settlement.isAwaited;
    if (mayGather && this.#queuedBytes < GATHER_BYTES) {
      this.#gathering ??= setTimeout(() => this.writeNow(), GATHER_MS);
      return;
    }
    this.writeNow();
  }

  /** Begins to write what waits. */
  writeNow(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#running) return;
    this.#running = true;
    // Not at once, so that what one request or batch stores goes in one frame.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#moves.length > 0 || this.#head < this.#queue.length) {
      if (this.#health.isPaused) {
        this.#giveUpValues();
        break;
      }
      if (this.#frames.length >= FRAMES_IN_FLIGHT) {
        await this.#woken();
        continue;
      }
      const next = this.#moves[0] ?? this.#queue[this.#head];
      try {
        const segment = await this.#segmentFor(next);
        if (segment !== undefined) await this.#writeFrame(segment);
      } catch (error) {
        this.#health.failed("beginning a segment failed", error);
        this.#attempted(next);
      }
    }
    this.#running = false;
    this.#settle();
    this.#wake?.();
  }

  /** The active segment if the item fits, another one if not; `undefined`: look again. */
  async #segmentFor(item: LogItem): Promise<Segment | undefined> {
    const { active } = this.#segments;
    const isMove = item.movedFrom >= 0;
    const mayUse = isMove || this.#segments.freeCount > 0;
    if (mayUse && active !== undefined && new FrameBuilder().add(item, active)) return active;
    if (this.#segments.canBegin(isMove)) {
      this.#endActive();
      // What moved must be safe before the place it came from is written to again.
      if (this.#isDurable) await this.#settlement.syncAll();
      const segment = await this.#segments.begin(this.#isDurable);
      this.#owner.segmentsChanged();
      return segment;
    }
    this.#owner.segmentsChanged();
    await Promise.race([this.#segments.freed(), this.#woken()]);
    return undefined;
  }

  async #writeFrame(segment: Segment): Promise<void> {
    // What failed goes first when it is tried again.
    if (this.#frames.some(({ error }) => error !== undefined)) {
      await this.#woken();
      return;
    }
    const builder = new FrameBuilder(this.#frames.length < 2);
    this.#fill(builder, segment);
    if (builder.items.length === 0) return;
    this.#building = builder.items;
    const failures = this.#failures;
    const run = await this.#staging.take(builder.stagedPages);
    this.#building = [];
    if (this.#failures !== failures) {
      // What was written before these items has to be written again, and before them.
      run.release();
      for (const item of builder.items.toReversed()) this.#putBack(item);
      return;
    }
    const start = segment.position;
    const { items } = builder;
    const frame: Frame = { segment, start, items, run, state: "writing", error: undefined };
    const writing = this.#send(builder, frame);
    segment.place(builder.pages, builder.footerBytes);
    this.#frames.push(frame);
    this.#counters.writtenBytes += builder.pages * PAGE_BYTES;
    this.#counters.frames++;
    writing.then(
      () => this.#wrote(frame, undefined),
      (error: unknown) => this.#wrote(frame, error ?? new Error("unknown error")),
    );
  }

  /** Has the frame written. When it resolves or rejects, nothing of it is under way any more. */
  async #send(builder: FrameBuilder, { segment, start, run }: Frame): Promise<void> {
    const { file, generation } = segment;
    const images = builder.images();
    if (builder.isHashed) {
      builder.build(run.memory, this.#storeId, generation);
      await file.write([run.memory, ...images], start);
      return;
    }
    // The disk has the values already while their checksums are made.
    const ahead = file.write(images, start + run.memory.length);
    builder.build(run.memory, this.#storeId, generation);
    for (const outcome of await Promise.allSettled([ahead, file.write([run.memory], start)]))
      if (outcome.status === "rejected") throw outcome.reason;
  }

  /** Takes from the queues what fits one frame of the segment. */
  #fill(builder: FrameBuilder, segment: Segment): void {
    while (this.#moves.length > 0) {
      const item = this.#moves[0];
      // Behind its being replaced or removed it must not be written: it would outlive the record of that.
      const current = this.#owner.moving(item);
      if (current === undefined) {
        this.#queuedBytes -= item.source?.value.length ?? 0;
        item.source?.release();
        item.done?.(false);
      } else if (!builder.add(current, segment)) break;
      this.#moves.shift();
    }
    // The last free segment is in use: what is left of it belongs to what moves, or nothing came free.
    const isOpen = this.#segments.freeCount > 0;
    while (isOpen && this.#head < this.#queue.length)
      if (builder.add(this.#queue[this.#head], segment)) this.#head++;
      else break;
    if (this.#head > 4096 || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #wrote(frame: Frame, error: unknown): void {
    // From here on, and not before, a sync covers it.
    frame.segment.isDirty = true;
    frame.error ??= error;
    frame.state = frame.error === undefined ? "written" : "failed";
    while (this.#frames.length > 0 && this.#frames[0].state !== "writing") {
      const first = this.#frames.shift()!;
      if (first.state === "written") this.#commit(first);
      else this.#fail(first);
    }
    this.#finishEnded();
    this.#settle();
    this.#wake?.();
    this.#owner.roomInQueue();
  }

  #commit({ segment, start, items, run }: Frame): void {
    for (const item of items) {
      segment.addToFooter(recordOf(item, start), item.key);
      this.#queuedBytes -= item.source?.value.length ?? 0;
      this.#owner.written(item, segment, start + item.position);
      item.source?.release();
      item.done?.(true);
    }
    run.release();
    this.#health.succeeded();
  }

  #fail(frame: Frame): void {
    this.#failures++;
    this.#health.failed("writing failed", frame.error);
    frame.run.release();
    // A frame behind one that failed could not be found after a crash: it has failed as well. So have
    // those in the next segment, or of one key the newer value would lie before the older one.
    for (const other of this.#frames) {
      if (other.state === "written") other.state = "failed";
      other.error ??= frame.error;
    }
    const { active } = this.#segments;
    if (active === frame.segment || this.#frames.some(({ segment }) => segment === active))
      this.#endActive();
    for (const item of frame.items.toReversed()) this.#attempted(item, true);
  }

  /** One try of the item failed: it is tried again, or lost. */
  #attempted(item: LogItem, wasTaken = false): void {
    item.attempts++;
    if (item.attempts < MAX_ATTEMPTS) {
      if (!wasTaken) return;
      this.#putBack(item);
      this.#start();
      return;
    }
    if (!wasTaken) {
      if (item.movedFrom >= 0) this.#moves.shift();
      else this.#head++;
    }
    this.#queuedBytes -= item.source?.value.length ?? 0;
    this.#lose(item);
  }

  /** Gives the item its place in the queue again. */
  #putBack(item: LogItem): void {
    if (item.movedFrom >= 0) {
      this.#moves.unshift(item);
      return;
    }
    let at = this.#head;
    while (at < this.#queue.length && this.#queue[at].sequence < item.sequence) at++;
    this.#queue.splice(at, 0, item);
  }

  /**
   * The disk is left alone for a while: neither values nor those who wait for them are kept waiting for
   * it. Records without a value are: what is deleted must not come back.
   */
  #giveUpValues(): void {
    const waiting = [...this.#moves, ...this.#queue.slice(this.#head)];
    this.#moves.length = 0;
    this.#queue = [];
    this.#head = 0;
    for (const item of waiting)
      if (item.source === undefined) this.#queue.push(item);
      else {
        this.#queuedBytes -= item.source.value.length;
        this.#lose(item);
      }
    this.#settlement.giveUp();
    this.#owner.roomInQueue();
    clearTimeout(this.#resumption);
    this.#resumption = setTimeout(() => this.#start(), this.#health.pauseLeftMs).unref();
  }

  #lose(item: LogItem): void {
    this.#settlement.lost(item.sequence);
    item.source?.release();
    this.#owner.lost(item);
    item.done?.(false);
  }

  /** Answers those who wait for what is done by now, and sees to it that the rest gets done. */
  #settle(): void {
    this.#settlement.reached(this.#lowestUnwritten() - 1);
  }

  /** The lowest sequence that is neither written nor lost. Moves do not count: nobody waits for them. */
  #lowestUnwritten(): number {
    let lowest = this.#settlement.sequence + 1;
    for (const items of [...this.#frames.map((frame) => frame.items), this.#building])
      for (const { movedFrom, sequence } of items)
        if (movedFrom < 0) lowest = Math.min(lowest, sequence);
    if (this.#head < this.#queue.length)
      lowest = Math.min(lowest, this.#queue[this.#head].sequence);
    return lowest;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#wake;
      this.#wake = () => {
        this.#wake = undefined;
        before?.();
        resolve();
      };
    });
  }
}
