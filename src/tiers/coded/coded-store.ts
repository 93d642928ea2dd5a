import { isContainer } from "../../codecs/container.ts";
import type { Block } from "../../store/block.ts";
import type {
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
} from "../../store/contract.ts";
import type { BlockCoding, CodingStats } from "../../store/wrappers/block-coding.ts";
import { DecodedBlock } from "../../store/wrappers/decoded-block.ts";
import { keyBytes } from "../../store/key-bytes.ts";
import { inLanes } from "../../store/wrappers/lanes.ts";
import type { AsideStore } from "../chain/aside-store.ts";
import type { ChainStore } from "../chain/chain-store.ts";
import type { TierChain } from "../chain/tier-chain.ts";
import { ReadsUnderWay } from "./reads-under-way.ts";

/** What a {@link CodedStore} counts: sizes are those of encoded blocks. */
export interface CodedStats extends StoreStats, CodingStats {}

/** A block to keep, with the other half of its pair if it has one. */
export interface KeptBlock {
  readonly key: Uint8Array;
  readonly parts: readonly Uint8Array[];
  readonly ttlMs: number | undefined;
}

const lanes = 4;
/** How often a block is read again that was outdated while it was being read. */
const READ_AGAIN = 3;

/**
 * Blocks of this machine that are kept encoded, beside the tiers that keep them as they are. Only
 * {@link keep} adds blocks; what outdates them is told by the chain of tiers.
 */
export class CodedStore implements AsideStore {
  readonly name = "coded";
  readonly capabilities: StoreCapabilities;
  readonly #inner: ChainStore;
  readonly #coding: BlockCoding;
  readonly #maxBlockBytes: number;
  readonly #readsUnderWay = new ReadsUnderWay();
  #hits = 0;
  #misses = 0;
  #hitBytes = 0;

  /**
   * @param inner where encoded blocks lie: memory, or memory and disk
   * @param maxBlockBytes the largest decoded block
   */
  constructor(inner: ChainStore, coding: BlockCoding, maxBlockBytes: number) {
    this.#inner = inner;
    this.#coding = coding;
    this.#maxBlockBytes = maxBlockBytes;
    this.capabilities = { ...inner.capabilities, maxBlockBytes };
  }

  /** Where the encoded blocks are. */
  get tiers(): TierChain {
    return this.#inner.tiers;
  }

  /** Whether a block of so many bytes finds room without another's leaving. */
  hasRoom(bytes: number): boolean {
    const { ram, lower } = this.tiers;
    const { capacityBytes, usedBytes } = lower === undefined ? ram : lower.stats();
    // Pages and frames take some room beside the bytes.
    return usedBytes + bytes * 1.02 + 65_536 <= capacityBytes;
  }

  /** Whether a key is here: known at once. */
  isKept(key: Uint8Array, keyspace: number): boolean {
    return this.tiers.find(key, 0, key.length, keyspace) !== 0;
  }

  /** Keeps blocks that are encoded already, or shall be given back as they are. False: there is no room. */
  async keep(blocks: readonly KeptBlock[], keyspace: number): Promise<boolean> {
    const entries = blocks.map(({ key, parts, ttlMs }) =>
      ttlMs === undefined ? { key, value: parts } : { key, value: parts, ttlMs },
    );
    for (const { key } of blocks) this.#readsUnderWay.outdate(key, keyspace);
    const outcomes = await this.#inner.put(entries, { keyspace });
    if (outcomes.every(({ status }) => status === "stored")) return true;
    await this.delete(
      blocks.map(({ key }) => key),
      { keyspace },
    );
    return false;
  }

  /** A block that is outdated while it is being read does not come back to life: its newer one is read. */
  async get(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]> {
    const found = await this.#current(keys, options, READ_AGAIN);
    for (const block of found)
      if (block === undefined) this.#misses++;
      else {
        this.#hits++;
        this.#hitBytes += block.bytes.length;
      }
    return found;
  }

  async #current(
    keys: readonly Key[],
    options: GetOptions | undefined,
    more: number,
  ): Promise<(Block | undefined)[]> {
    const keyspace = options?.keyspace ?? 0;
    const names = keys.map(keyBytes);
    const reads = this.#readsUnderWay.begin(names, keyspace);
    try {
      const found = await this.#decoded(keys, options);
      for (const [index, block] of found.entries()) {
        if (!reads.isOutdated(index)) continue;
        block?.release();
        found[index] = undefined;
      }
      const again = names.flatMap((name, index) =>
        reads.isOutdated(index) && more > 0 && this.isKept(name, keyspace) ? [index] : [],
      );
      if (again.length === 0) return found;
      const newer = await this.#current(
        again.map((index) => keys[index]),
        options,
        more - 1,
      );
      // What was read first may have been outdated since.
      for (const [index, block] of found.entries())
        if (reads.isOutdated(index)) {
          block?.release();
          found[index] = undefined;
        }
      for (const [at, index] of again.entries()) found[index] = newer[at];
      return found;
    } finally {
      reads.end();
    }
  }

  async #decoded(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]> {
    const found = await this.#inner.get(keys, options);
    await inLanes(lanes, found.length, async (index) => {
      const block = found[index];
      if (block === undefined || !isContainer(block.bytes)) return;
      found[index] = undefined;
      try {
        const bytes = await this.#coding.decode(block.bytes, this.#maxBlockBytes, options?.signal);
        found[index] = bytes && new DecodedBlock(bytes, block.ttlMs);
      } finally {
        block.release();
      }
    });
    return found;
  }

  /** Refuses: what is not encoded is for the tiers. */
  async put(entries: readonly PutEntry[], _options?: PutOptions): Promise<PutOutcome[]> {
    return entries.map(() => ({ status: "rejected", reason: "failed" }));
  }

  match(keys: readonly Key[], options?: CallOptions): Promise<number> {
    return this.#inner.match(keys, options);
  }

  has(keys: readonly Key[], options?: CallOptions): Promise<boolean[]> {
    return this.#inner.has(keys, options);
  }

  delete(keys: readonly Key[], options?: CallOptions): Promise<number> {
    return this.#inner.delete(keys, options);
  }

  forget(key: Uint8Array, keyspace: number): void {
    const { tiers } = this;
    this.#readsUnderWay.outdate(key, keyspace);
    const place = tiers.find(key, 0, key.length, keyspace);
    if (place !== 0) tiers.remove(place);
    else tiers.forget(key, 0, key.length, keyspace);
  }

  /** Bytes of an entry are those of the encoded block. */
  scan(options?: ScanOptions): AsyncIterable<EntryInfo> {
    return this.#inner.scan(options);
  }

  clear(keyspace?: number): void {
    this.#readsUnderWay.outdateAll();
    this.tiers.clear(keyspace);
  }

  stats(): CodedStats {
    return {
      ...this.#inner.stats(),
      name: this.name,
      hits: this.#hits,
      misses: this.#misses,
      hitBytes: this.#hitBytes,
      ...this.#coding.stats(),
    };
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
