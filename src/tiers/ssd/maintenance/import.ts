import { KeepwarmError } from "../../../errors.ts";
import { halfOfDisk } from "../capacity.ts";
import { checksumOf } from "../checksum.ts";
import { DataDirectory } from "../data-directory.ts";
import { SsdStore } from "../ssd-store.ts";
import {
  ARCHIVE_HEADER_BYTES,
  ARCHIVE_VERSION,
  type ArchiveEntry,
  ENTRY_BYTES,
  archiveVersion,
  decodeEntry,
  entryKeyLength,
  entryKind,
} from "./archive.ts";
import { ByteSource } from "./byte-source.ts";
import { OfflineDisk } from "./offline-disk.ts";
import { type MaintenanceOptions, segmentNumbers } from "./offline-store.ts";

export interface ImportOptions extends MaintenanceOptions {
  /** Bytes that the directory may take. Default: what it takes; of a new one half of its disk. */
  readonly capacityBytes?: number | undefined;
  /** Bytes of a segment file of a new directory. */
  readonly segmentBytes?: number | undefined;
  /** Whether a block replaces the one that is there. Default: that one stays. */
  readonly replace?: boolean;
}

export interface ImportReport {
  readonly directory: string;
  /** Blocks that were stored, and their bytes. */
  readonly blocks: number;
  readonly bytes: number;
  /** Blocks that were there already and stayed. */
  readonly present: number;
  readonly expired: number;
  /** Blocks whose bytes are not those that were exported. */
  readonly damaged: number;
  /** Blocks that the directory does not take: too large, or the disk fails. */
  readonly rejected: number;
  /** Blocks that had to go because the directory is full. */
  readonly evicted: number;
  /** Whether the archive has an end; if not, what comes after was cut off. */
  readonly complete: boolean;
}

/** Most bytes of values on their way to the disk. */
const IN_FLIGHT_BYTES = 64 * 1024 ** 2;
const LONGEST_VALUE = 2 ** 31;

/**
 * Stores the blocks of an archive in a data directory, which is made when it is not there.
 *
 * Throws `INPUT_INVALID` when it is no archive of a known version, and as {@link SsdStore.open} does.
 */
export async function importDirectory(
  path: string,
  archive: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const source = new ByteSource(archive);
  try {
    checkHeader(await source.take(ARCHIVE_HEADER_BYTES));
    const store = await SsdStore.open({
      directory: path,
      capacityBytes:
        options.capacityBytes ?? (await presentBytes(path)) ?? (await halfOfDisk(path)),
      durability: "async",
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    });
    try {
      return { directory: path, ...(await new Import(store, source, options).run()) };
    } finally {
      await store.close();
    }
  } finally {
    await source.close();
  }
}

function checkHeader(header: Buffer): void {
  const version = archiveVersion(header);
  if (version === ARCHIVE_VERSION) return;
  if (version === undefined)
    throw new KeepwarmError("INPUT_INVALID", "this is no archive of blocks", {
      remedy: "Give what `keepwarm ssd export` wrote.",
    });
  throw new KeepwarmError(
    "INPUT_INVALID",
    `the archive has format ${version}; this version of Keepwarm reads format ${ARCHIVE_VERSION}`,
    { remedy: "Use a newer version of Keepwarm." },
  );
}

/** All bytes of the segments that a directory has; `undefined` of a new one. */
async function presentBytes(path: string): Promise<number | undefined> {
  const superblock = await DataDirectory.read(path);
  if (superblock === undefined) return undefined;
  const numbers = await segmentNumbers(new OfflineDisk(path, false));
  return numbers.length === 0 ? undefined : (1 + Math.max(...numbers)) * superblock.segmentBytes;
}

class Import {
  readonly #store: SsdStore;
  readonly #source: ByteSource;
  readonly #options: ImportOptions;
  readonly #underWay = new Set<Promise<void>>();
  #inFlightBytes = 0;
  readonly #count = { blocks: 0, bytes: 0, present: 0, expired: 0, damaged: 0, rejected: 0 };

  constructor(store: SsdStore, source: ByteSource, options: ImportOptions) {
    this.#store = store;
    this.#source = source;
    this.#options = options;
  }

  async run(): Promise<Omit<ImportReport, "directory">> {
    const before = this.#store.stats().evicted;
    let complete = false;
    for (let entry = await this.#next(); entry !== undefined; entry = await this.#next()) {
      this.#options.signal?.throwIfAborted();
      if (entry.kind === entryKind.end) {
        complete = true;
        break;
      }
      if (!(await this.#take(entry))) break;
    }
    await Promise.all(this.#underWay);
    const evicted = this.#store.stats().evicted - before;
    return { ...this.#count, evicted, complete };
  }

  /** The next entry, or `undefined` where the archive is cut off or damaged. */
  async #next(): Promise<ArchiveEntry | undefined> {
    const fixed = await this.#source.take(ENTRY_BYTES);
    if (fixed.length < ENTRY_BYTES) return undefined;
    const keyLength = entryKeyLength(fixed);
    const key = await this.#source.take(keyLength);
    return key.length < keyLength ? undefined : decodeEntry(fixed, key);
  }

  /** Takes the entry's value and begins to store it. `false` when the archive is cut off in it. */
  async #take(entry: ArchiveEntry): Promise<boolean> {
    const { tier } = this.#store;
    const { key, keyspace, length, expiresAt } = entry;
    if (!Number.isSafeInteger(length) || length < 0 || length > LONGEST_VALUE) return false;
    const isPresent = tier.locate(key, 0, key.length, keyspace) !== 0;
    if (isPresent && this.#options.replace !== true) {
      this.#count.present++;
      return this.#source.skip(length);
    }
    if (expiresAt !== 0 && expiresAt <= tier.now()) {
      this.#count.expired++;
      return this.#source.skip(length);
    }
    if (length > tier.maxBlockBytes) {
      this.#count.rejected++;
      return this.#source.skip(length);
    }
    const value = await this.#source.take(length);
    if (value.length < length) return false;
    if (checksumOf(value) !== entry.checksum) {
      this.#count.damaged++;
      return true;
    }
    while (this.#inFlightBytes > 0 && this.#inFlightBytes + length > IN_FLIGHT_BYTES)
      await Promise.race(this.#underWay);
    this.#inFlightBytes += length;
    const work: Promise<void> = this.#put(entry, value).finally(() => {
      this.#inFlightBytes -= length;
      this.#underWay.delete(work);
    });
    this.#underWay.add(work);
    return true;
  }

  async #put(entry: ArchiveEntry, value: Buffer): Promise<void> {
    const { tier } = this.#store;
    const { key, keyspace, expiresAt } = entry;
    const ttl = expiresAt === 0 ? {} : { ttlMs: Math.max(1, expiresAt - tier.now()) };
    const [outcome] = await this.#store.put([{ key, value, ...ttl }], { keyspace });
    if (outcome.status !== "stored") {
      this.#count.rejected++;
      return;
    }
    const row = tier.locate(key, 0, key.length, keyspace);
    if (row !== 0 && entry.isPinned) tier.setPinned(row, true);
    this.#count.blocks++;
    this.#count.bytes += value.length;
    const { blocks, bytes, present } = this.#count;
    this.#options.onProgress?.({ done: blocks + present, of: 0, bytes });
  }
}
