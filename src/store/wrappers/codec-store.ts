import { type CodecName, type EncodeOptions } from "../../codecs/codec.ts";
import { isContainer } from "../../codecs/container.ts";
import { decodeBlock, decodedBytes, encodeBlock } from "../../codecs/encoded-block.ts";
import { type BlockLayout, tensorOf } from "../../codecs/tensor.ts";
import { isKeepwarmError } from "../../errors.ts";
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
import { inLanes } from "./lanes.ts";

/** How the blocks of a namespace are encoded. */
export interface CodecChoice extends Omit<EncodeOptions, "signal"> {
  /** `naive` leaves them as they are. */
  readonly codec: CodecName;
  /** What the blocks are. Lossy codecs need it, and `zstd-planes` gains by it. Default: bytes. */
  readonly layout?: BlockLayout;
}

export interface CodecStoreOptions {
  /** What to do with the block that is put under `key`; nothing: keep it as it is. */
  readonly choose: (key: Buffer) => CodecChoice | undefined;
  /** Smaller blocks are kept as they are, such as LMCache's metadata. Default 4 KiB. */
  readonly minBytes?: number;
  /**
   * The largest block that is made from an encoded one; others are misses. Default: the largest that the
   * store takes.
   */
  readonly maxDecodedBytes?: number;
}

/** What a {@link CodecStore} adds to the counters of the store that it wraps. */
export interface CodecStoreStats extends StoreStats {
  /** Blocks that were encoded, their bytes before, and after. */
  readonly encoded: number;
  readonly originalBytes: number;
  readonly encodedBytes: number;
  /** Blocks that a codec was chosen for and that were kept as they are: too small, not smaller, unsuitable. */
  readonly leftAsIs: number;
  readonly decoded: number;
  /** Encoded blocks that could not be decoded: damaged, or of a codec that is not here. They are misses. */
  readonly undecodable: number;
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
  readonly name = "codec";
  readonly capabilities: StoreCapabilities;
  /** Where the encoded blocks are. */
  readonly inner: BlockStore;
  readonly #choose: CodecStoreOptions["choose"];
  readonly #minBytes: number;
  readonly #maxDecodedBytes: number;
  #hits = 0;
  #misses = 0;
  #hitBytes = 0;
  #encoded = 0;
  #originalBytes = 0;
  #encodedBytes = 0;
  #leftAsIs = 0;
  #decoded = 0;
  #undecodable = 0;

  constructor(inner: BlockStore, options: CodecStoreOptions) {
    this.inner = inner;
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
        found[index] = await this.#decode(block, options?.signal);
        block.release();
      });
    } catch (error) {
      for (const block of found) block?.release();
      throw error;
    }
    for (const block of found)
      if (block === undefined) this.#misses++;
      else {
        this.#hits++;
        this.#hitBytes += block.bytes.length;
      }
    return found;
  }

  async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    options?.signal?.throwIfAborted();
    const encoded: PutEntry[] = [...entries];
    const there = await this.#there(entries, options);
    await inLanes(lanes, entries.length, async (index) => {
      const entry = entries[index];
      const wanted = !there.has(entry);
      const value = await this.#encode(entry, wanted, options?.signal);
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
      encoded: this.#encoded,
      originalBytes: this.#originalBytes,
      encodedBytes: this.#encodedBytes,
      leftAsIs: this.#leftAsIs,
      decoded: this.#decoded,
      undecodable: this.#undecodable,
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
    signal: AbortSignal | undefined,
  ): Promise<PutEntry["value"]> {
    const { buffer, byteOffset, length } = keyBytes(entry.key);
    const choice = this.#choose(Buffer.from(buffer, byteOffset, length));
    const bytes = joined(entry.value);
    const fits = bytes.length >= this.#minBytes && bytes.length <= this.capabilities.maxBlockBytes;
    const smaller =
      choice === undefined || choice.codec === "naive" || !fits || !wanted
        ? undefined
        : await this.#smaller(bytes, choice, signal);
    if (smaller !== undefined) return smaller;
    if (wanted && choice !== undefined && choice.codec !== "naive") this.#leftAsIs++;
    return isContainer(bytes) ? encodeBlock("naive", bytes) : entry.value;
  }

  /** The block encoded as chosen; nothing when that cannot be done or does not make it smaller. */
  async #smaller(
    bytes: Uint8Array,
    { codec, layout, ...options }: CodecChoice,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array[] | undefined> {
    const tensor = layout && tensorOf(layout, bytes.length);
    if (layout !== undefined && tensor === undefined) return undefined;
    try {
      const parts = await encodeBlock(
        codec,
        bytes,
        tensor,
        signal ? { ...options, signal } : options,
      );
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      if (length >= bytes.length) return undefined;
      this.#encoded++;
      this.#originalBytes += bytes.length;
      this.#encodedBytes += length;
      return parts;
    } catch (error) {
      if (isKeepwarmError(error)) return undefined;
      throw error;
    }
  }

  async #decode(block: Block, signal: AbortSignal | undefined): Promise<Block | undefined> {
    try {
      const length = decodedBytes(block.bytes);
      if (length > this.#maxDecodedBytes) {
        this.#undecodable++;
        return undefined;
      }
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      await decodeBlock(block.bytes, bytes, signal ? { signal } : undefined);
      this.#decoded++;
      return new DecodedBlock(bytes, block.ttlMs);
    } catch (error) {
      if (!isKeepwarmError(error)) throw error;
      this.#undecodable++;
      return undefined;
    }
  }
}

/** Memory of its own: nothing has to be given back. */
class DecodedBlock implements Block {
  readonly bytes: Uint8Array;
  readonly ttlMs: number | undefined;

  constructor(bytes: Uint8Array, ttlMs: number | undefined) {
    this.bytes = bytes;
    this.ttlMs = ttlMs;
  }

  release(): void {}

  [Symbol.dispose](): void {}
}

function joined(value: PutEntry["value"]): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return value.length === 1 ? value[0] : Buffer.concat(value);
}
