import type { BlockCoder } from "../../codecs/coder.ts";
import { isContainer } from "../../codecs/container.ts";
import type { Block } from "../block.ts";
import type {
  BlockStore,
  CallOptions,
  EntryInfo,
  GetOptions,
  Key,
  PutEntry,
  PutOptions,
  PutOutcome,
  ScanOptions,
  StoreCapabilities,
  StoreStats,
} from "../contract.ts";
import { keyBytes } from "../key-bytes.ts";
import { DecodedBlock } from "./decoded-block.ts";
import { BlockCoding, type CodecChoice, type CodingStats } from "./block-coding.ts";
import { inLanes } from "./lanes.ts";

export interface CodecStoreOptions {
  /** What to do with the block that is put under `key`; nothing: keep it as it is. */
  readonly choose: (
    key: Buffer,
    keyspace: number,
  ) => CodecChoice | undefined | Promise<CodecChoice | undefined>;
  /** Smaller blocks are kept as they are, such as LMCache's metadata. Default 4 KiB. */
  readonly minBytes?: number;
  /**
   * The largest block that is made from an encoded one; others are misses. Default: the largest that the
   * store takes.
   */
  readonly maxDecodedBytes?: number;
  /** What encodes and decodes. Default: the calling thread. */
  readonly coder?: BlockCoder;
  /** Default `"codec"`. */
  readonly name?: string;
}

/** The counters of the store that is wrapped, and what encoding did. */
export interface CodecStoreStats extends StoreStats, CodingStats {}

/** A store that reads blocks to where the caller wants them, once their length is known. */
interface ReadsInPlace extends BlockStore {
  getInto?(
    keys: readonly Key[],
    place: (index: number, length: number) => Uint8Array | undefined,
    options?: GetOptions,
  ): Promise<(ReadBlock | undefined)[]>;
}

/** A block that was read in place. */
interface ReadBlock {
  readonly bytes: number;
  readonly ttlMs: number | undefined;
}

const defaultMinBytes = 4096;
/** Blocks of one batch that are under way at once, since zlib works on threads. */
const lanes = 4;

/**
 * A store whose blocks are encoded on their way in and decoded on their way out. How a block is encoded
 * stands in front of it, so choices may change at any time. What does not begin as a container of ours is
 * given out as it is: blocks from before, LMCache's own encoded values. A block that begins like one when it
 * is put is wrapped, so that it comes back as it was.
 *
 * Hits, misses and their bytes in `stats()` are those of decoded blocks, all sizes else those of the store
 * below.
 *
 * @example
 * ```ts
 * const layout = { dtype: "bfloat16", format: "KV_2LTD", layers: 32, channels: 1024 } as const;
 * const store = new CodecStore(new RamStore({ capacityBytes: 8 * 1024 ** 3 }), {
 *   choose: (key) => (String(key).endsWith("kv_bytes") ? { codec: "zstd-planes", layout } : undefined),
 * });
 * ```
 */
export class CodecStore implements BlockStore {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  /** Where the encoded blocks are. */
  readonly inner: BlockStore;
  readonly #choose: CodecStoreOptions["choose"];
  readonly #minBytes: number;
  readonly #maxDecodedBytes: number;
  readonly #coding: BlockCoding;
  #hits = 0;
  #misses = 0;
  #hitBytes = 0;

  constructor(inner: BlockStore, options: CodecStoreOptions) {
    this.inner = inner;
    this.name = options.name ?? "codec";
    this.#coding = new BlockCoding(options.coder);
    this.capabilities = inner.capabilities;
    this.#choose = options.choose;
    this.#minBytes = options.minBytes ?? defaultMinBytes;
    this.#maxDecodedBytes = options.maxDecodedBytes ?? inner.capabilities.maxBlockBytes;
  }

  async get(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]> {
    const found = await this.inner.get(keys, options);
    try {
      await inLanes(lanes, found.length, async (index) => {
        const block = found[index];
        if (block === undefined || !isContainer(block.bytes)) return;
        const bytes = await this.#decode(block.bytes, options?.signal);
        found[index] = bytes && new DecodedBlock(bytes, block.ttlMs);
        block.release();
      });
    } catch (error) {
      for (const block of found) block?.release();
      throw error;
    }
    for (const block of found) this.#count(block?.bytes.length);
    return found;
  }

  /**
   * Reads blocks to where `place` says, which may be asked a second time for one: with the length of the
   * encoded block, then with that of the block itself. Those that are not encoded are read in place where the
   * store below can.
   */
  async getInto(
    keys: readonly Key[],
    place: (index: number, length: number) => Uint8Array | undefined,
    options?: GetOptions,
  ): Promise<(ReadBlock | undefined)[]> {
    const inner: ReadsInPlace = this.inner;
    if (inner.getInto === undefined) return this.#copyInto(keys, place, options);
    const memory: (Uint8Array | undefined)[] = keys.map(() => undefined);
    const placed = (index: number, length: number): Uint8Array | undefined =>
      (memory[index] = place(index, length));
    const found = await inner.getInto(keys, placed, options);
    await inLanes(lanes, found.length, async (index) => {
      const block = found[index];
      const bytes = block && memory[index]?.subarray(0, block.bytes);
      if (block === undefined || bytes === undefined || !isContainer(bytes)) return;
      found[index] = undefined;
      const decoded = await this.#decode(Buffer.from(bytes), options?.signal);
      const target = decoded && place(index, decoded.length);
      if (decoded === undefined || target === undefined) return;
      target.set(decoded);
      found[index] = { bytes: decoded.length, ttlMs: block.ttlMs };
    });
    for (const block of found) this.#count(block?.bytes);
    return found;
  }

  async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    options?.signal?.throwIfAborted();
    const encoded: PutEntry[] = [...entries];
    const there = await this.#there(entries, options);
    await inLanes(lanes, entries.length, async (index) => {
      const entry = entries[index];
      const wanted = !there.has(entry);
      const value = await this.#encode(entry, wanted, options);
      if (value !== entry.value) encoded[index] = { ...entry, value };
    });
    return this.inner.put(encoded, options);
  }

  match(keys: readonly Key[], options?: CallOptions): Promise<number> {
    return this.inner.match(keys, options);
  }

  has(keys: readonly Key[], options?: CallOptions): Promise<boolean[]> {
    return this.inner.has(keys, options);
  }

  delete(keys: readonly Key[], options?: CallOptions): Promise<number> {
    return this.inner.delete(keys, options);
  }

  /** Bytes of an entry are those of the encoded block. */
  scan(options?: ScanOptions): AsyncIterable<EntryInfo> {
    return this.inner.scan(options);
  }

  stats(): CodecStoreStats {
    return {
      ...this.inner.stats(),
      name: this.name,
      hits: this.#hits,
      misses: this.#misses,
      hitBytes: this.#hitBytes,
      ...this.#coding.stats(),
    };
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  /** The entries that will not replace what is there: not worth encoding. */
  async #there(entries: readonly PutEntry[], options?: CallOptions): Promise<Set<PutEntry>> {
    const asked = entries.filter(({ ifAbsent }) => ifAbsent === true);
    if (asked.length === 0) return new Set();
    const present = await this.inner.has(
      asked.map(({ key }) => key),
      options,
    );
    return new Set(asked.filter((_, index) => present[index]));
  }

  async #encode(
    entry: PutEntry,
    wanted: boolean,
    options: PutOptions | undefined,
  ): Promise<PutEntry["value"]> {
    const { buffer, byteOffset, length } = keyBytes(entry.key);
    const bytes = joined(entry.value);
    const fits = bytes.length >= this.#minBytes && bytes.length <= this.capabilities.maxBlockBytes;
    const key = Buffer.from(buffer, byteOffset, length);
    const choice = wanted ? await this.#choose(key, options?.keyspace ?? 0) : undefined;
    if (choice !== undefined && fits) {
      const smaller = await this.#coding.encode(bytes, choice, options?.signal);
      if (smaller !== undefined) return smaller;
    } else if (choice !== undefined && choice.codec !== "naive") this.#coding.leaveAsIs();
    return isContainer(bytes) ? this.#coding.wrapped(bytes) : entry.value;
  }

  #decode(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    return this.#coding.decode(bytes, this.#maxDecodedBytes, signal);
  }

  async #copyInto(
    keys: readonly Key[],
    place: (index: number, length: number) => Uint8Array | undefined,
    options: GetOptions | undefined,
  ): Promise<(ReadBlock | undefined)[]> {
    const blocks = await this.get(keys, options);
    return blocks.map((block, index) => {
      if (block === undefined) return undefined;
      const target = place(index, block.bytes.length);
      target?.set(block.bytes);
      const read = { bytes: block.bytes.length, ttlMs: block.ttlMs };
      block.release();
      return target && read;
    });
  }

  #count(bytes: number | undefined): void {
    if (bytes === undefined) this.#misses++;
    else {
      this.#hits++;
      this.#hitBytes += bytes;
    }
  }
}

function joined(value: PutEntry["value"]): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return value.length === 1 ? value[0] : Buffer.concat(value);
}
