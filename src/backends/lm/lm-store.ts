import { KeepwarmError } from "../../errors.ts";
import type { Block } from "../../store/block.ts";
import type {
  BlockStore,
  CallOptions,
  EntryInfo,
  GetOptions,
  Key,
  PutEntry,
  PutOptions,
  PutOutcome,
  StoreCapabilities,
  StoreStats,
} from "../../store/contract.ts";
import { keyBytes } from "../../store/key-bytes.ts";
import { METADATA_BYTES, UNDEFINED_FORMAT, command } from "../../wire/lm/header.ts";
import type { ReplyHeader } from "../../wire/lm/reply-decoder.ts";
import { encodeRequest, writeBlobMetadata } from "../../wire/lm/request.ts";
import { MemoryPool } from "../valkey/memory-pool.ts";
import { Lanes, type LanesStats } from "./lanes.ts";
import { LmBlock } from "./lm-block.ts";
import {
  type LmStoreOptions,
  type LmStoreSettings,
  resolveLmStoreOptions,
} from "./store-options.ts";
import { wireKey } from "./wire-key.ts";

/** Questions in one exchange. */
const QUESTIONS_AT_ONCE = 64;
/** Deleted keys that are remembered, for servers that cannot delete. */
const MOST_DELETED = 65_536;

const STORED: PutOutcome = { status: "stored" };
const EXISTS: PutOutcome = { status: "exists" };
const rejected = (reason: "too-large" | "no-room" | "closed" | "failed"): PutOutcome => ({
  status: "rejected",
  reason,
});

export interface LmStoreStats extends StoreStats {
  /** Blocks that could not be asked for; they count as misses too. */
  readonly failedReads: number;
  /** Blocks whose writing failed; they count as rejected too. */
  readonly failedWrites: number;
  /** Questions and deletions that failed and were answered with no. */
  readonly failedLookups: number;
  readonly server: LanesStats;
}

/**
 * Blocks on an lm server: LMCache's `lmcache_server`, or a Keepwarm that serves `lm://`. Values are
 * read by the kernel into the memory where they stay, and written from where they lie, over several
 * connections. A server that fails costs one deadline; then it is not asked until it answers again.
 *
 * A `put` asks for the key behind the value, since the protocol does not acknowledge one. Deleting is
 * storing nothing, without a format: a Keepwarm drops the block then, `lmcache_server` keeps a header.
 *
 * @example
 * ```ts
 * const store = new LmStore("lm://cache-1:65432");
 * await store.put([{ key: "chunk-1", value: bytes }]);
 * const [block] = await store.get(["chunk-1"]);
 * ```
 */
export class LmStore implements BlockStore {
  readonly name = "lm";
  readonly capabilities: StoreCapabilities;
  readonly #settings: LmStoreSettings;
  readonly #lanes: Lanes;
  readonly #pool: MemoryPool;
  /** Keys on the wire that this store deleted and whose server keeps a header of. */
  readonly #deleted = new Set<string>();
  readonly #counts = {
    hits: 0,
    misses: 0,
    hitBytes: 0,
    stored: 0,
    storedBytes: 0,
    rejected: 0,
    failedReads: 0,
    failedWrites: 0,
    failedLookups: 0,
  };
  #closed = false;

  /**
   * Connects when it is first used; see {@link check}.
   *
   * @throws KeepwarmError `INPUT_INVALID` for options that cannot be used
   */
  constructor(options: LmStoreOptions | string = {}) {
    const settings = resolveLmStoreOptions(
      typeof options === "string" ? { url: options } : options,
    );
    this.#settings = settings;
    this.#lanes = new Lanes(settings.address, settings);
    this.#pool = new MemoryPool(settings.recycleBytes);
    this.capabilities = Object.freeze({
      persistent: false,
      ttl: false,
      scan: false,
      evicts: true,
      maxBlockBytes: settings.maxBlockBytes,
    });
  }

  /**
   * Asks the server for a sign of life: for those who want to know at start what would later be
   * misses.
   *
   * @throws KeepwarmError `CONNECTION_FAILED`, `TIMEOUT`, `PROTOCOL`, `CLOSED`
   */
  async check({ signal }: CallOptions = {}): Promise<void> {
    await this.#ask([wireKey(Buffer.from("probe"), 0)], signal);
  }

  async get(keys: readonly Key[], options: GetOptions = {}): Promise<(Block | undefined)[]> {
    const place = (_: number, length: number): Uint8Array => this.#pool.take(length);
    const found = await this.#readAll(keys, place, options);
    return found.map((bytes) => bytes && new LmBlock(bytes, this.#pool));
  }

  /**
   * {@link get} into memory of the caller's choice, such as slots of a RAM tier: `place` is asked for
   * it when the length of the block at `index` is known, and answers `undefined` for a block that
   * is not wanted, which then is a miss. The memory may be written until the promise settles, and
   * `place` may be asked again for the same block after a connection broke.
   *
   * @returns the length of each block that was read.
   */
  async getInto(
    keys: readonly Key[],
    place: (index: number, length: number) => Uint8Array | undefined,
    options: GetOptions = {},
  ): Promise<({ readonly bytes: number } | undefined)[]> {
    const found = await this.#readAll(keys, place, options);
    return found.map((bytes) => bytes && { bytes: bytes.length });
  }

  async put(entries: readonly PutEntry[], options: PutOptions = {}): Promise<PutOutcome[]> {
    options.signal?.throwIfAborted();
    const names = this.#namesOf(
      entries.map(({ key }) => key),
      options,
    );
    if (this.#closed) return entries.map(() => rejected("closed"));
    // Of one key twice, only the last is written: connections do not wait for each other.
    const last = new Map<string, number>();
    for (const [index, name] of names.entries()) {
      const id = name.toString("latin1");
      if (!last.has(id) || entries[index].ifAbsent !== true) last.set(id, index);
    }
    const written = new Map<number, Promise<PutOutcome>>();
    for (const index of last.values())
      written.set(index, this.#put(names[index], entries[index], options.signal));
    const outcomes = await Promise.all(
      names.map(async (name, index) => {
        const at = last.get(name.toString("latin1"))!;
        const outcome = await written.get(at)!;
        return index > at && outcome.status === "stored" ? EXISTS : outcome;
      }),
    );
    options.signal?.throwIfAborted();
    return outcomes;
  }

  async match(keys: readonly Key[], options?: CallOptions): Promise<number> {
    const present = await this.has(keys, options);
    const missing = present.indexOf(false);
    return missing < 0 ? present.length : missing;
  }

  async has(keys: readonly Key[], options: CallOptions = {}): Promise<boolean[]> {
    options.signal?.throwIfAborted();
    const names = this.#namesOf(keys, options);
    if (this.#closed) return names.map(() => false);
    const groups: Promise<boolean[]>[] = [];
    for (let at = 0; at < names.length; at += QUESTIONS_AT_ONCE) {
      const group = names.slice(at, at + QUESTIONS_AT_ONCE);
      groups.push(
        this.#ask(group, options.signal).catch((error: unknown) => {
          this.#expectFailure(error, options.signal);
          this.#counts.failedLookups += group.length;
          return group.map(() => false);
        }),
      );
    }
    const present = (await Promise.all(groups)).flat();
    options.signal?.throwIfAborted();
    return present;
  }

  async delete(keys: readonly Key[], options: CallOptions = {}): Promise<number> {
    const unique = [...new Map(keys.map((key) => [latin1(key), key])).values()];
    const present = await this.has(unique, options);
    const names = this.#namesOf(unique, options).filter((_, index) => present[index]);
    const gone = await Promise.all(names.map((name) => this.#delete(name, options.signal)));
    options.signal?.throwIfAborted();
    return gone.filter(Boolean).length;
  }

  /** Lists nothing: LMCache's server does not know how (see `capabilities.scan`). */
  async *scan(): AsyncGenerator<EntryInfo> {}

  /** Counters of this store; what the server holds is not known here. */
  stats(): LmStoreStats {
    return {
      name: this.name,
      capacityBytes: Infinity,
      usedBytes: 0,
      valueBytes: 0,
      blocks: 0,
      evicted: 0,
      evictedBytes: 0,
      expired: 0,
      ...this.#counts,
      server: this.#lanes.stats(),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#lanes.close();
    this.#pool.clear();
  }

  async #readAll(
    keys: readonly Key[],
    place: (index: number, length: number) => Uint8Array | undefined,
    options: GetOptions,
  ): Promise<(Uint8Array | undefined)[]> {
    options.signal?.throwIfAborted();
    const names = this.#namesOf(keys, options);
    const found = await Promise.all(
      names.map((name, index) =>
        this.#read(name, (length) => place(index, length), options.signal),
      ),
    );
    options.signal?.throwIfAborted();
    const counts = this.#counts;
    for (const bytes of found)
      if (bytes === undefined) counts.misses++;
      else {
        counts.hits++;
        counts.hitBytes += bytes.length;
      }
    return found;
  }

  async #read(
    name: Buffer,
    place: (length: number) => Uint8Array | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    if (this.#closed) return undefined;
    let found: Uint8Array | undefined;
    const exchange = {
      pieces: [encodeRequest(command.get, name)],
      replies: 1,
      place: (header: ReplyHeader) =>
        isDeletion(header) || header.length > this.#settings.maxBlockBytes
          ? undefined
          : place(header.length),
      reply: (header: ReplyHeader, value: Uint8Array | undefined) => {
        found = value?.subarray(0, header.length);
      },
    };
    try {
      await this.#lanes.run(exchange, signal);
      return found;
    } catch (error) {
      this.#expectFailure(error, signal);
      this.#counts.failedReads++;
      return undefined;
    }
  }

  async #put(
    name: Buffer,
    { value, ifAbsent }: PutEntry,
    signal: AbortSignal | undefined,
  ): Promise<PutOutcome> {
    const counts = this.#counts;
    const parts: readonly Uint8Array[] = value instanceof Uint8Array ? [value] : value;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length > this.#settings.maxBlockBytes) {
      counts.rejected++;
      return rejected("too-large");
    }
    try {
      if (ifAbsent === true && (await this.#ask([name], signal))[0]) return EXISTS;
      if (!(await this.#write(name, this.#metadataOf(length), parts, signal))) {
        counts.rejected++;
        return rejected("no-room");
      }
      this.#deleted.delete(name.toString("latin1"));
      counts.stored++;
      counts.storedBytes += length;
      return STORED;
    } catch (error) {
      this.#expectFailure(error, signal);
      counts.rejected++;
      counts.failedWrites++;
      return rejected(this.#closed ? "closed" : "failed");
    }
  }

  async #delete(name: Buffer, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const remains = await this.#write(name, Buffer.alloc(METADATA_BYTES), [], signal);
      if (remains) this.#remember(name);
      return true;
    } catch (error) {
      this.#expectFailure(error, signal);
      this.#counts.failedLookups++;
      return false;
    }
  }

  /** Stores a value and asks for its key behind it: whether it is there. */
  async #write(
    name: Buffer,
    metadata: Buffer,
    parts: readonly Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    let present = false;
    const exchange = {
      pieces: [
        encodeRequest(command.put, name, metadata),
        ...parts,
        encodeRequest(command.exist, name),
      ],
      replies: 1,
      reply: ({ success }: ReplyHeader) => void (present = success),
    };
    await this.#lanes.run(exchange, signal);
    return present;
  }

  /** Which keys on the wire are there. */
  async #ask(names: readonly Buffer[], signal: AbortSignal | undefined): Promise<boolean[]> {
    let present: boolean[] = [];
    const exchange = {
      begin: () => void (present = []),
      // In one piece, since that is what the socket would make of many small ones.
      pieces: [Buffer.concat(names.map((name) => encodeRequest(command.exist, name)))],
      replies: names.length,
      reply: ({ success }: ReplyHeader) => void present.push(success),
    };
    if (names.length > 0) await this.#lanes.run(exchange, signal);
    return names.map(
      (name, index) => present[index] && !this.#deleted.has(name.toString("latin1")),
    );
  }

  #remember(name: Buffer): void {
    const [oldest] = this.#deleted;
    if (this.#deleted.size >= MOST_DELETED) this.#deleted.delete(oldest);
    this.#deleted.add(name.toString("latin1"));
  }

  #metadataOf(length: number): Buffer {
    const metadata = Buffer.alloc(METADATA_BYTES);
    const { description } = this.#settings;
    if (description === undefined) writeBlobMetadata(metadata, 0, length);
    else {
      const { format, dtype, shape } = description;
      for (const [index, value] of [length, format, dtype, ...shape].entries())
        metadata.writeInt32LE(value, index * 4);
    }
    return metadata;
  }

  #namesOf(keys: readonly Key[], { keyspace = 0 }: CallOptions): Buffer[] {
    if (!Number.isInteger(keyspace) || keyspace < 0 || keyspace > 255)
      throw new TypeError(`a keyspace is a whole number from 0 to 255, this one is ${keyspace}`);
    return keys.map((key) => wireKey(keyBytes(key), keyspace));
  }

  /** Failures of the server are expected, and so is the caller's giving up; others are our mistakes. */
  #expectFailure(error: unknown, signal: AbortSignal | undefined): void {
    if (signal?.aborted !== true && !(error instanceof KeepwarmError)) throw error;
  }
}

function isDeletion(header: ReplyHeader): boolean {
  return header.length === 0 && header.format === UNDEFINED_FORMAT;
}

function latin1(key: Key): string {
  return Buffer.from(keyBytes(key)).toString("latin1");
}
