import { setTimeout as delay } from "node:timers/promises";
import { KeepwarmError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../observe/logger.ts";
import { MAX_KEY_BYTES } from "../../store/contract.ts";
import { partnerKey } from "../../store/pairs.ts";
import { type Clock, systemClock } from "../../util/clock.ts";
import type { LowerTier, LowerTierStats, SettledOutcome } from "../chain/lower-tier.ts";
import type { DepartureLog } from "../departure-log.ts";
import type { RamTier } from "../ram/ram-tier.ts";
import { checksumOf } from "./checksum.ts";
import { DataDirectory, VERSIONS_A_SESSION } from "./data-directory.ts";
import { type DirectMode, type Disk, NodeDisk } from "./disk.ts";
import { Health } from "./health.ts";
import { PAGE_BYTES } from "./layout.ts";
import { Loader, type LoadProgress } from "./loader.ts";
import type { LogItem, ValueSource } from "./log-item.ts";
import { LogWriter } from "./log-writer.ts";
import type { Durability } from "./settlement.ts";
import { Mover, type MoverOwner } from "./mover.ts";
import { recordBytes, recordFlag, recordKind } from "./record.ts";
import { MOVE_BATCH_BYTES, Reclaimer } from "./reclaimer.ts";
import type { Segment } from "./segment.ts";
import { SegmentReader } from "./segment-reader.ts";
import {
  MAX_SEGMENTS,
  checkSegmentBytes,
  defaultSegmentBytes,
  refuseTooSmall,
} from "./segment-size.ts";
import { SegmentSet } from "./segment-set.ts";
import { SsdCounters } from "./ssd-counters.ts";
import { SsdIndex, rowState } from "./ssd-index.ts";
import { Staging } from "./staging.ts";
import { ValueReader, type ValueReaderOwner } from "./value-reader.ts";

export interface SsdTierOptions {
  /** A directory that this tier has for itself; made when it is not there. */
  readonly directory: string;
  /** All that the tier may take on the disk, in bytes. At least four segments. */
  readonly capacityBytes: number;
  /** Bytes of a segment file, in a new directory. Default: a 64th of the capacity, or what blocks of 64 MiB need. */
  readonly segmentBytes?: number;
  /** Most blocks. Default 0: as many as fit. */
  readonly maxBlocks?: number;
  /** Default `"none"`; see {@link Durability}. */
  readonly durability?: Durability;
  /** Most bytes of values that wait to be written. Default 256 MiB. */
  readonly queueBytes?: number;
  /** Memory for values that are not read straight into RAM slots, taken as needed. Default 64 MiB. */
  readonly stagingBytes?: number;
  /** Memory for the keys of the index. Default 2 GiB, taken as it is needed. */
  readonly keyMemoryBytes?: number;
  /** Default `"auto"`: O_DIRECT where the file system has it. */
  readonly direct?: DirectMode;
  /** How long closing may wait for the disk, in ms. Default 30 000. */
  readonly drainMs?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Another disk than the real one, for tests. */
  readonly disk?: Disk;
}

/** From here on making a checksum takes longer than giving the disk another write. */
const HASH_LATER_BYTES = 512 * 1024;
/** Memory for headers and small values of frames on their way, and for footers. */
const FRAME_STAGING_BYTES = 32 * 1024 ** 2;
const SWEEP_MS = 1000;
/** A long start says how far it is this often. */
const LOAD_REPORT_MS = 2000;
const ROWS_A_SWEEP = 20_000;

/**
 * Blocks on a local disk, in a log of segment files: appended in big writes, found by an index in
 * memory, read straight into RAM slots, and there again after a restart. What the disk does not do is
 * a miss, counted and shown, never an error of whoever asks.
 */
export class SsdTier implements LowerTier {
  readonly name = "ssd";
  readonly counters: SsdCounters = new SsdCounters();
  readonly health: Health;
  readonly segments: SegmentSet;
  readonly staging: Staging;
  readonly capacityBytes: number;
  readonly maxBlocks: number;
  readonly durability: Durability;
  readonly isDirect: boolean;
  onRoom: (() => void) | undefined;
  departures: DepartureLog | undefined;
  isUsedAbove: ((key: Uint8Array, keyspace: number) => boolean) | undefined;
  #index: SsdIndex;
  readonly #newIndex: () => SsdIndex;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #directory: DataDirectory;
  readonly #reader: SegmentReader;
  readonly #writer: LogWriter;
  readonly #reclaimer: Reclaimer;
  readonly #loader: Loader;
  readonly #queueBytes: number;
  readonly #drainMs: number;
  readonly #mover: Mover;
  readonly #values: ValueReader;
  readonly #openedAt = new Map<number, number>();
  /** RAM slots of values that are not on the disk yet, by row: they can be read from there. */
  readonly #unwritten = new Map<number, { readonly slot: number; readonly version: number }>();
  readonly #sweeper: NodeJS.Timeout;
  #loading: Promise<void> = Promise.resolve();
  #lastVersion: number;
  #sweepRow = 1;
  #closed = false;

  private constructor(
    options: SsdTierOptions,
    directory: DataDirectory,
    disk: Disk,
    segments: SegmentSet,
    { staging, frames }: { readonly staging: Staging; readonly frames: Staging },
  ) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#directory = directory;
    this.segments = segments;
    this.staging = staging;
    this.capacityBytes = segments.all.length * segments.segmentBytes;
    this.maxBlocks = options.maxBlocks ?? 0;
    this.durability = options.durability ?? "none";
    this.isDirect = disk.direct;
    this.#drainMs = options.drainMs ?? 30_000;
    this.#queueBytes = options.queueBytes ?? 256 * 1024 ** 2;
    this.#lastVersion = directory.superblock.session * VERSIONS_A_SESSION;
    this.health = new Health(directory.path, this.#logger, () => this.#clock.now());
    const seed = Math.floor(Math.random() * 2 ** 32);
    const keyMemoryBytes = options.keyMemoryBytes ?? 2 * 1024 ** 3;
    this.#newIndex = () => new SsdIndex(seed, keyMemoryBytes);
    this.#index = this.#newIndex();
    const { storeId } = directory;
    const moving = new Staging(2 * segments.segmentBytes + 2 * MOVE_BATCH_BYTES);
    this.#reader = new SegmentReader(moving, storeId);
    const owner = this.#valueOwner();
    this.#mover = new Mover(owner, moving);
    this.#values = new ValueReader(owner, staging);
    this.#reclaimer = new Reclaimer(this.#reclaimerOwner());
    this.#loader = new Loader(this.#loaderOwner());
    this.#writer = new LogWriter({
      segments,
      staging: frames,
      storeId,
      durability: this.durability,
      health: this.health,
      counters: this.counters,
      owner: {
        moving: (item) => this.#mover.current(item),
        written: (item, segment, position) => this.#written(item, segment, position),
        lost: (item) => this.#lost(item),
        segmentsChanged: () => this.#segmentsChanged(),
        roomInQueue: () => this.onRoom?.(),
      },
    });
    this.#sweeper = setInterval(() => this.sweep(ROWS_A_SWEEP), SWEEP_MS).unref();
  }

  /**
   * Opens the directory and begins to load its index; the tier serves at once what is known already.
   *
   * Throws `CONFIG_INVALID` when the directory is in use, of an unknown format, or too small.
   */
  static async open(options: SsdTierOptions): Promise<SsdTier> {
    const segmentBytes = options.segmentBytes ?? defaultSegmentBytes(options.capacityBytes);
    checkSegmentBytes(segmentBytes);
    const before = await DataDirectory.read(options.directory);
    // Before anything is made: a directory keeps the segment size that it was made with.
    refuseTooSmall(options.capacityBytes, before?.segmentBytes ?? segmentBytes);
    const directory = await DataDirectory.open(options.directory, segmentBytes);
    const kept = directory.superblock.segmentBytes;
    try {
      const count = Math.min(MAX_SEGMENTS, Math.floor(options.capacityBytes / kept));
      const staging = new Staging(options.stagingBytes ?? 64 * 1024 ** 2);
      const frames = new Staging(FRAME_STAGING_BYTES);
      const run = await frames.take(1);
      const disk =
        options.disk ??
        (await NodeDisk.open(options.directory, options.direct ?? "auto", run.memory));
      run.release();
      if (options.direct === "on" && !disk.direct)
        throw new KeepwarmError("CONFIG_INVALID", `${options.directory} does not take O_DIRECT`, {
          remedy: "Use another file system, or set ssd.direct to auto.",
        });
      const clock = options.clock ?? systemClock;
      const segments = await SegmentSet.open(disk, count, kept, frames, directory.storeId, () =>
        clock.now(),
      );
      const tier = new SsdTier(options, directory, disk, segments, { staging, frames });
      await tier.#start();
      return tier;
    } catch (error) {
      await directory.close();
      throw error;
    }
  }

  /** The largest value that the tier takes: one that fills a segment. */
  get maxBlockBytes(): number {
    const overhead = 5 * PAGE_BYTES + 2 * recordBytes(MAX_KEY_BYTES);
    return this.segments.segmentBytes - overhead;
  }

  get directory(): string {
    return this.#directory.path;
  }

  get index(): SsdIndex {
    return this.#index;
  }

  /** How far the index is loaded. */
  get loadProgress(): LoadProgress {
    return this.#loader.progress;
  }

  get isLearning(): boolean {
    return !this.#loader.progress.done;
  }

  /** Resolves when the index is loaded. */
  loaded(): Promise<void> {
    return this.#loading;
  }

  now(): number {
    return this.#clock.now();
  }

  // LowerTier

  get end(): number {
    return this.#index.end;
  }

  get count(): number {
    return this.#index.storedCount;
  }

  countOf(keyspace: number): number {
    return this.#index.storedIn(keyspace);
  }

  countInRam(keyspace: number): number {
    return this.#index.storedInRam(keyspace);
  }

  find(key: Uint8Array, start: number, end: number, keyspace: number): number {
    const row = this.#index.locate(key, start, end, keyspace);
    if (row === 0 || !this.isPresent(row)) return 0;
    if (!this.#hasExpired(row)) return row;
    this.#evict(row, "expired");
    return 0;
  }

  locate(key: Uint8Array, start: number, end: number, keyspace: number): number {
    const row = this.#index.locate(key, start, end, keyspace);
    return row === 0 || this.#index.state(row) === rowState.gone ? 0 : row;
  }

  isPresent(row: number): boolean {
    return this.#isStored(row) || this.#unwrittenSlot(row) !== 0;
  }

  keyspace(row: number): number {
    return this.#index.keyspace(row);
  }

  key(row: number): Buffer {
    return this.#index.key(row);
  }

  length(row: number): number {
    return this.#index.length(row);
  }

  expiresAt(row: number): number {
    return this.#index.expiresAt(row);
  }

  setExpiry(row: number, at: number): void {
    if (this.#index.expiresAt(row) === at) return;
    this.#index.setExpiresAt(row, at);
    this.#noteAttributes(row);
  }

  isPinned(row: number): boolean {
    return this.#index.isPinned(row);
  }

  setPinned(row: number, pinned: boolean): void {
    if (this.#index.isPinned(row) === pinned) return;
    this.#index.setPinned(row, pinned);
    this.#noteAttributes(row);
  }

  version(row: number): number {
    return this.#index.version(row);
  }

  hits(row: number): number {
    return this.#index.hits(row);
  }

  /** Since the segment was begun that was written to at the last use: exact to a segment. */
  idleMs(row: number): number {
    const since = this.#openedAt.get(this.#index.usedAt(row)) ?? this.now();
    return Math.max(0, this.now() - since);
  }

  touch(row: number): void {
    this.#index.use(row, this.segments.generation);
  }

  isInRam(row: number): boolean {
    return this.#index.isInRam(row);
  }

  setInRam(row: number, inRam: boolean): void {
    this.#index.setInRam(row, inRam);
  }

  remove(row: number): void {
    const partner = this.#partnerOf(row);
    this.#drop(row);
    if (partner !== 0) this.#drop(partner);
  }

  clear(keyspace?: number): void {
    const version = ++this.#lastVersion;
    this.#loader.cleared(keyspace, version);
    this.#append({
      kind: recordKind.clear,
      keyspace: keyspace ?? 0,
      key: keyspace === undefined ? Buffer.from([0]) : Buffer.alloc(0),
      version,
    });
    if (keyspace === undefined) {
      this.#index = this.#newIndex();
      return;
    }
    const index = this.#index;
    for (let row = 1; row < index.end; row++)
      if (index.isPresent(row) && index.keyspace(row) === keyspace) index.remove(row);
  }

  write(ram: RamTier, slot: number, keyspace: number, expiresAt: number): void {
    const { slots } = ram;
    let row = 0;
    const key = slots.key(slot);
    slots.retain(slot);
    const value = slots.value(slot);
    const pages = slots.hasPages(slot) ? slots.memory(slot) : undefined;
    const source: ValueSource = {
      value,
      pages,
      offset: pages === undefined ? 0 : value.byteOffset - pages.byteOffset,
      release: () => {
        if (this.#unwritten.get(row)?.slot === slot) this.#unwritten.delete(row);
        slots.release(slot);
      },
    };
    row = this.put(key, keyspace, expiresAt, source);
    if (row !== 0) this.#unwritten.set(row, { slot, version: this.#index.version(row) });
    if (row !== 0) this.#index.setInRam(row, true);
  }

  /**
   * Begins to keep a value under a key, in place of what it had; releases the source when that is
   * done. Returns the row, or 0 when the value is turned down.
   */
  put(
    key: Buffer,
    keyspace: number,
    expiresAt: number,
    source: ValueSource,
    done?: (written: boolean) => void,
  ): number {
    const index = this.#index;
    const { length } = source.value;
    let row = index.locate(key, 0, key.length, keyspace);
    const isRefused = this.#closed || this.health.isPaused || length > this.maxBlockBytes;
    if (!isRefused && !this.isFull(length)) {
      if (row === 0) row = index.add(key, 0, key.length, keyspace);
      if (row !== 0) {
        const version = ++this.#lastVersion;
        index.setValue(row, length, version, expiresAt);
        const kind = recordKind.value;
        this.#append({
          kind,
          keyspace,
          key: Buffer.from(key),
          flags: index.isPinned(row) ? recordFlag.pinned : 0,
          version,
          expiresAt,
          row,
          source,
          checksum: this.#mayHashLater(source) ? undefined : checksumOf(source.value),
          done,
        });
        return row;
      }
    }
    this.counters.skipped++;
    this.#writer.skipped(this.#writer.nextSequence());
    this.forget(key, keyspace);
    source.release();
    done?.(false);
    return 0;
  }

  /** Whether the disk can take the value at once: its checksum is made meanwhile. */
  #mayHashLater({ pages, value }: ValueSource): boolean {
    return pages !== undefined && value.length >= HASH_LATER_BYTES && this.#writer.isIdle;
  }

  /** Drops the key's value, also one that is not known yet because the index is being loaded. */
  forget(key: Uint8Array, keyspace: number): void {
    if (this.#closed) return;
    const index = this.#index;
    let row = index.locate(key, 0, key.length, keyspace);
    if (row !== 0 && index.state(row) === rowState.gone) return;
    if (row === 0 && !this.#loader.progress.done) row = index.add(key, 0, key.length, keyspace);
    if (row !== 0) this.#drop(row);
  }

  /** Does not wait for more to write together with what waits already. */
  writeNow(): void {
    this.#writer.writeNow();
  }

  isFull(valueLength: number): boolean {
    const { queuedBytes } = this.#writer;
    return queuedBytes > 0 && queuedBytes + valueLength > this.#queueBytes && !this.health.isPaused;
  }

  async read(row: number, ram: RamTier): Promise<number> {
    const unwritten = this.#unwrittenSlot(row);
    if (unwritten === 0) return this.#closed ? 0 : this.#values.intoSlot(row, ram);
    const { slots } = ram;
    const length = this.#index.length(row);
    const slot = Math.max(0, ram.reserve(length, this.#index.keyLength(row)));
    if (slot === 0) return 0;
    slots.value(unwritten).copy(slots.piece(slot), slots.valueOffset(slot));
    this.counters.hits++;
    this.counters.hitBytes += length;
    return slot;
  }

  /**
   * Reads the pages that the row's value lies in and proves them. The value begins in `memory` where
   * it begins in its first page. Returns whether it is there whole.
   */
  async readPages(row: number, memory: Buffer): Promise<boolean> {
    if (!this.#closed) return this.#values.intoPages(row, memory);
    this.counters.failedReads++;
    return false;
  }

  settled(): Promise<SettledOutcome> {
    return this.#writer.settled();
  }

  countMiss(): void {
    this.counters.misses++;
  }

  stats(): LowerTierStats {
    const { counters, segments, health } = this;
    const index = this.#index;
    const { progress } = this.#loader;
    const used = segments.all.reduce(
      (sum, { state, bytes }) => sum + (state === "free" ? 0 : bytes),
      0,
    );
    return {
      name: this.name,
      capacityBytes: this.capacityBytes,
      usedBytes: used,
      valueBytes: index.storedBytes,
      blocks: index.storedCount,
      hits: counters.hits,
      misses: counters.misses,
      hitBytes: counters.hitBytes,
      stored: counters.stored,
      storedBytes: counters.storedBytes,
      evicted: counters.evicted,
      evictedBytes: counters.evictedBytes,
      expired: counters.expired,
      rejected: counters.skipped + counters.lost,
      state: health.alarm !== undefined ? "failing" : progress.done ? "ready" : "loading",
      alarm: health.alarm ?? "",
      directory: this.#directory.path,
      direct: this.isDirect,
      durability: this.durability,
      pinned: index.pinnedCount,
      maxBlocks: this.maxBlocks,
      indexBytes: index.memoryBytes,
      segments: segments.all.length,
      freeSegments: segments.freeCount,
      segmentBytes: segments.segmentBytes,
      queuedBytes: this.#writer.queuedBytes,
      queuedItems: this.#writer.queuedItems,
      skipped: counters.skipped,
      lost: counters.lost,
      corrupt: counters.corrupt,
      readErrors: counters.failedReads,
      diskErrors: health.errors,
      writtenBytes: counters.writtenBytes,
      readBytes: counters.readBytes,
      movedBytes: counters.movedBytes,
      frames: counters.frames,
      writeAmplification:
        counters.storedBytes === 0 ? 0 : counters.writtenBytes / counters.storedBytes,
      readP50Us: Math.round(counters.reads.quantileMs(0.5) * 1000),
      readP99Us: Math.round(counters.reads.quantileMs(0.99) * 1000),
      syncP99Us: Math.round(counters.syncs.quantileMs(0.99) * 1000),
      load: progress,
    };
  }

  /** Looks at up to `limit` rows and drops those that have expired; goes on where it stopped. */
  sweep(limit: number): void {
    const index = this.#index;
    for (let left = Math.min(limit, index.end); left > 0; left--) {
      if (this.#sweepRow >= index.end) this.#sweepRow = 1;
      const row = this.#sweepRow++;
      if (index.isPresent(row) && index.isStored(row) && this.#hasExpired(row))
        this.#evict(row, "expired");
    }
  }

  /**
   * Writes what waits and lets the directory go. A disk that hangs is waited for no longer than
   * `drainMs`; the directory then stays locked until it answers, or this process ends. Closing twice
   * is allowed.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweeper);
    this.#loader.stop();
    const stopTimer = new AbortController();
    const late = delay(this.#drainMs, "late", { ref: false, signal: stopTimer.signal }).catch(
      () => "stopped",
    );
    const outcome = await Promise.race([this.#drain(), late]);
    stopTimer.abort();
    if (outcome === "late")
      this.#logger.error(
        { directory: this.directory },
        "the disk did not take everything in time: what was not written is lost",
      );
  }

  async #drain(): Promise<void> {
    await this.#loading;
    // What waits may need segments that only reclaiming frees.
    await this.#writer.drained();
    await this.#reclaimer.stop();
    await this.#writer.close();
    await this.segments.close();
    await this.#directory.close();
  }

  async #start(): Promise<void> {
    const { segments } = this;
    const found: Segment[] = [];
    const empty: Segment[] = [];
    for (const segment of segments.all) {
      const header = await this.#reader.headerOf(segment).catch((error: unknown) => {
        this.health.readFailed(error);
        return undefined;
      });
      if (header === undefined || header.segmentBytes !== segment.bytes) {
        empty.push(segment);
        continue;
      }
      segment.generation = header.generation;
      segment.openedAt = header.openedAt;
      segment.state = "closed";
      found.push(segment);
    }
    found.sort((a, b) => b.generation - a.generation);
    if (found.length > 0) segments.startAfter(found[0].generation);
    for (const segment of empty) segments.release(segment);
    // Two must be free to go on; the oldest are those that were to go next.
    while (segments.freeCount < 2) segments.release(found.pop()!);
    for (const { generation, openedAt } of found) this.#openedAt.set(generation, openedAt);
    this.#loading = this.#load(found);
  }

  async #load(found: readonly Segment[]): Promise<void> {
    if (found.length > 0) {
      const began = performance.now();
      const timer = setInterval(
        () => this.#logger.info(this.#loadReport(began), "loading the SSD tier's index"),
        LOAD_REPORT_MS,
      );
      await this.#loader.run(found);
      clearInterval(timer);
      this.#logger.info(this.#loadReport(began), "the SSD tier's index is loaded");
    } else await this.#loader.run(found);
    this.#reclaimer.check();
  }

  #loadReport(began: number): object {
    const { segments, segmentsDone, records, scanned, damaged } = this.#loader.progress;
    const ms = Math.round(performance.now() - began);
    const done = `${segmentsDone} of ${segments} segments`;
    return { done, blocks: this.#index.storedCount, records, scanned, damaged, ms };
  }

  #segmentsChanged(): void {
    const { active } = this.segments;
    if (active !== undefined && !this.#openedAt.has(active.generation)) {
      this.#openedAt.set(active.generation, active.openedAt);
      const oldest = active.generation - 2 * this.segments.all.length;
      for (const generation of this.#openedAt.keys())
        if (generation < oldest) this.#openedAt.delete(generation);
    }
    if (this.#loader.progress.done) this.#reclaimer.check();
  }

  #append(fields: Pick<LogItem, "kind" | "keyspace" | "key" | "version"> & Partial<LogItem>): void {
    this.#writer.add({
      flags: 0,
      expiresAt: 0,
      row: 0,
      source: undefined,
      checksum: undefined,
      movedFrom: -1,
      done: undefined,
      sequence: this.#writer.nextSequence(),
      ...fields,
      attempts: 0,
      position: 0,
    });
  }

  #noteAttributes(row: number): void {
    const index = this.#index;
    this.#append({
      kind: recordKind.attributes,
      keyspace: index.keyspace(row),
      key: Buffer.from(index.key(row)),
      version: ++this.#lastVersion,
      expiresAt: index.expiresAt(row),
      flags: index.isPinned(row) ? recordFlag.pinned : 0,
    });
  }

  #written(item: LogItem, segment: Segment, position: number): void {
    const { row } = item;
    const index = this.#index;
    if (row === 0 || !index.isPresent(row) || index.version(row) !== item.version) return;
    if (item.movedFrom >= 0) {
      if (!index.isStored(row) || index.segment(row) !== item.movedFrom) return;
      index.place(row, segment.number, position);
      index.forgetReads(row);
      this.counters.moved++;
      this.counters.movedBytes += index.length(row);
      return;
    }
    index.place(row, segment.number, position);
    index.setChecksum(row, item.checksum ?? 0n);
    if (!index.wasRead(row)) index.setUsedAt(row, segment.generation);
    index.setState(row, rowState.stored);
    this.counters.stored++;
    this.counters.storedBytes += index.length(row);
    if (this.maxBlocks > 0 && index.storedCount > this.maxBlocks) this.#segmentsChanged();
  }

  #lost(item: LogItem): void {
    const index = this.#index;
    if (item.movedFrom >= 0 || item.source === undefined) return;
    this.counters.lost++;
    const { row } = item;
    if (index.isPresent(row) && index.version(row) === item.version) this.#drop(row);
  }

  /** Forgets the row, and sees to it that an older value of the key does not come back. */
  #drop(row: number): void {
    const index = this.#index;
    const version = ++this.#lastVersion;
    this.#append({
      kind: recordKind.remove,
      keyspace: index.keyspace(row),
      key: Buffer.from(index.key(row)),
      version,
    });
    if (this.#loader.progress.done) {
      index.remove(row);
      return;
    }
    index.setValue(row, 0, version, 0);
    index.setInRam(row, false);
    index.setState(row, rowState.gone);
  }

  /** The value leaves the tier; it may come back after a restart, if it is still on the disk then. */
  #evict(row: number, why: "evicted" | "expired"): void {
    const partner = this.#partnerOf(row);
    for (const gone of partner === 0 ? [row] : [row, partner]) {
      this.counters[why]++;
      if (why === "evicted") this.counters.evictedBytes += this.#index.length(gone);
      this.#noteDeparture(gone, why);
      if (this.#loader.progress.done) this.#index.remove(gone);
      else this.#index.setState(gone, rowState.gone);
    }
  }

  #noteDeparture(row: number, why: "evicted" | "expired"): void {
    const key = this.key(row);
    const keyspace = this.keyspace(row);
    this.departures?.record(key, 0, key.length, keyspace, this.name, why, this.idleMs(row));
  }

  /** Whether the row's value is on the disk. */
  #isStored(row: number): boolean {
    return this.#index.isPresent(row) && this.#index.isStored(row);
  }

  /** The RAM slot that the row's value is being written from, or 0. */
  #unwrittenSlot(row: number): number {
    const unwritten = this.#unwritten.get(row);
    const index = this.#index;
    const isValid =
      unwritten !== undefined && index.isPresent(row) && index.version(row) === unwritten.version;
    return isValid && index.state(row) === rowState.pending ? unwritten.slot : 0;
  }

  #partnerOf(row: number): number {
    const index = this.#index;
    const key = index.key(row);
    const other = partnerKey(key, 0, key.length);
    return other === undefined ? 0 : this.locate(other, 0, other.length, index.keyspace(row));
  }

  #hasExpired(row: number): boolean {
    const at = this.#index.expiresAt(row);
    return at !== 0 && at <= this.now();
  }

  #valueOwner(): MoverOwner & ValueReaderOwner {
    const index = (): SsdIndex => this.#index;
    const { segments, health, counters } = this;
    return {
      get index() {
        return index();
      },
      segments,
      health,
      counters,
      logger: this.#logger,
      isStored: (row) => this.#isStored(row),
      append: (item) => this.#append(item),
      writeNow: () => this.#writer.writeNow(),
      touch: (row) => this.touch(row),
      dropDamaged: (row) => this.#evict(row, "evicted"),
    };
  }

  #reclaimerOwner(): ConstructorParameters<typeof Reclaimer>[0] {
    const index = (): SsdIndex => this.#index;
    const { segments, maxBlocks } = this;
    return {
      get index() {
        return index();
      },
      segments,
      maxBlocks,
      now: () => this.now(),
      isUsedInRam: (row) =>
        this.#index.isInRam(row) &&
        this.isUsedAbove?.(this.#index.key(row), this.#index.keyspace(row)) === true,
      move: (rows) => this.#mover.move(rows),
      evict: (row, why) => this.#evict(row, why),
    };
  }

  #loaderOwner(): ConstructorParameters<typeof Loader>[0] {
    const index = (): SsdIndex => this.#index;
    return {
      get index() {
        return index();
      },
      reader: this.#reader,
      now: () => this.now(),
      unreadable: (segment, error) => {
        this.health.readFailed(error);
        this.#logger.error({ segment: segment.number, error }, "a segment cannot be read");
      },
      loaded: async (segment, contents) => {
        if (contents.fromFooter || contents.count === 0) return;
        segment.recover(contents.records, contents.count, contents.end);
        await this.segments
          .writeFooter(segment)
          .catch((error: unknown) =>
            this.health.failed("writing a segment's footer failed", error),
          );
      },
    };
  }
}
