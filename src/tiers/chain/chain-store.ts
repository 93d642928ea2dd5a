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
  ScanOptions,
  StoreCapabilities,
  StoreStats,
} from "../../store/contract.ts";
import { keyBytes } from "../../store/key-bytes.ts";
import { NO_ROOM, type RamTier, TOO_LARGE } from "../ram/ram-tier.ts";
import type { TierChain } from "./tier-chain.ts";

const STORED: PutOutcome = { status: "stored" };
const EXISTS: PutOutcome = { status: "exists" };

/** A chain of tiers as a BlockStore; what programs use is RamStore and LocalStore. */
export abstract class ChainStore implements BlockStore {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly tiers: TierChain;
  #closed = false;

  constructor(name: string, tiers: TierChain) {
    this.name = name;
    this.tiers = tiers;
    this.capabilities = Object.freeze({
      persistent: tiers.lower !== undefined,
      ttl: true,
      scan: true,
      evicts: true,
      maxBlockBytes: tiers.ram.maxValueBytes,
    });
  }

  async get(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]> {
    options?.signal?.throwIfAborted();
    const names = keys.map(keyBytes);
    const keyspace = options?.keyspace ?? 0;
    const { tiers } = this;
    if (this.#closed) return names.map(() => undefined);
    if (tiers.lower === undefined) return this.#blocks(names, keyspace);
    const { promise, resolve } = resolvable();
    const bringing = tiers.newBringing(resolve);
    try {
      for (const key of names) tiers.keep(key, 0, key.length, keyspace, bringing);
      for (const key of names) tiers.bring(key, 0, key.length, keyspace, bringing);
      if (bringing.pending > 0) await promise;
      options?.signal?.throwIfAborted();
      return this.#blocks(names, keyspace);
    } finally {
      bringing.release();
    }
  }

  async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    options?.signal?.throwIfAborted();
    const keyspace = options?.keyspace ?? 0;
    const outcomes = Array.from<PutOutcome>({ length: entries.length });
    const before = this.tiers.ram.entries.lastVersion;
    // Backwards, so that the first of a chain is the most recent; of one key twice, the later wins.
    for (let i = entries.length - 1; i >= 0; i--)
      outcomes[i] = this.#put(entries[i], keyspace, before);
    return outcomes;
  }

  async match(keys: readonly Key[], options?: CallOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    const places = this.#findAll(keys, options);
    const missing = places.indexOf(0);
    const present = missing < 0 ? places : places.slice(0, missing);
    for (const place of present.toReversed()) this.tiers.protect(place);
    this.tiers.prefetch(present);
    return present.length;
  }

  async has(keys: readonly Key[], options?: CallOptions): Promise<boolean[]> {
    options?.signal?.throwIfAborted();
    const places = this.#findAll(keys, options);
    for (const place of places.toReversed()) if (place !== 0) this.tiers.protect(place);
    this.tiers.prefetch(places);
    return places.map((place) => place !== 0);
  }

  async delete(keys: readonly Key[], options?: CallOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    const present = new Set(this.#findAll(keys, options));
    present.delete(0);
    for (const place of present) if (this.tiers.isPresent(place)) this.tiers.remove(place);
    return present.size;
  }

  async *scan(options?: ScanOptions): AsyncGenerator<EntryInfo> {
    const { tiers } = this;
    const { ram, lower } = tiers;
    const keyspace = options?.keyspace ?? 0;
    const prefix = options?.prefix === undefined ? undefined : Buffer.from(options.prefix);
    const startedAt = ram.entries.lastVersion;
    for (let entry = 1; entry < ram.entries.end; entry++) {
      options?.signal?.throwIfAborted();
      if (!ram.entries.isPresent(entry) || ram.entries.keyspace(entry) !== keyspace) continue;
      const info = this.#info(entry, prefix);
      if (info !== undefined) yield info;
    }
    for (let row = 1; lower !== undefined && row < lower.end; row++) {
      options?.signal?.throwIfAborted();
      if (!lower.isPresent(row) || lower.keyspace(row) !== keyspace) continue;
      // What RAM has was listed above, unless it came up meanwhile to a place already passed.
      if (lower.isInRam(row) && !this.#cameUpAfter(lower.key(row), keyspace, startedAt)) continue;
      const info = this.#info(-row, prefix);
      if (info !== undefined) yield info;
    }
  }

  /** Sizes are those of all tiers together; hits and misses are those of callers. */
  stats(): StoreStats {
    const { ram, lower } = this.tiers;
    const counters = ram.counters.snapshot();
    const own = {
      name: this.name,
      capacityBytes: ram.capacityBytes,
      usedBytes: ram.usedBytes,
      valueBytes: ram.valueBytes,
      blocks: ram.entries.count,
      ...counters,
    };
    if (lower === undefined) return own;
    const below = lower.stats();
    return {
      ...own,
      capacityBytes: own.capacityBytes + below.capacityBytes,
      usedBytes: own.usedBytes + below.usedBytes,
      valueBytes: own.valueBytes + below.valueBytes,
      blocks: this.tiers.count,
      evicted: below.evicted,
      evictedBytes: below.evictedBytes,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.tiers.settled();
    this.tiers.detach();
    this.tiers.ram.clear();
  }

  #blocks(keys: readonly Uint8Array[], keyspace: number): (Block | undefined)[] {
    const { ram } = this.tiers;
    const found = keys.map((key) => ram.find(key, 0, key.length, keyspace));
    // An expiry met on the way takes its pair's other half along, which may have been found before.
    const entries = found.map((entry) => (ram.entries.isPresent(entry) ? entry : 0));
    for (const entry of entries.toReversed())
      if (entry === 0) this.tiers.countMiss();
      else ram.read(entry);
    return entries.map((entry) => (entry === 0 ? undefined : new RamBlock(ram, entry)));
  }

  #findAll(keys: readonly Key[], options: CallOptions | undefined): number[] {
    const keyspace = options?.keyspace ?? 0;
    const found = keys.map((key) => {
      const bytes = keyBytes(key);
      return this.#closed ? 0 : this.tiers.find(bytes, 0, bytes.length, keyspace);
    });
    return found.map((place) => (place !== 0 && this.tiers.isPresent(place) ? place : 0));
  }

  #put(entry: PutEntry, keyspace: number, before: number): PutOutcome {
    const { tiers } = this;
    const { ram } = tiers;
    const key = keyBytes(entry.key);
    if (this.#closed) return { status: "rejected", reason: "closed" };
    const present = tiers.find(key, 0, key.length, keyspace);
    if (present !== 0 && entry.ifAbsent === true) return EXISTS;
    if (present > 0 && ram.entries.version(present) > before) return STORED;
    const parts: readonly Uint8Array[] =
      entry.value instanceof Uint8Array ? [entry.value] : entry.value;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const slot = ram.reserve(length, key.length);
    if (slot === TOO_LARGE || slot === NO_ROOM) {
      ram.counters.rejected++;
      // The value that it was to replace must not be taken for it.
      const old = tiers.find(key, 0, key.length, keyspace);
      if (old !== 0) tiers.remove(old);
      return { status: "rejected", reason: slot === TOO_LARGE ? "too-large" : "no-room" };
    }
    const value = ram.slots.value(slot);
    let at = 0;
    for (const part of parts) {
      value.set(part, at);
      at += part.length;
    }
    const expiresAt = entry.ttlMs === undefined ? 0 : ram.now() + entry.ttlMs;
    return ram.publish(slot, key, 0, key.length, keyspace, expiresAt) === 0
      ? { status: "rejected", reason: "no-room" }
      : STORED;
  }

  #cameUpAfter(key: Uint8Array, keyspace: number, version: number): boolean {
    const { ram } = this.tiers;
    const entry = ram.find(key, 0, key.length, keyspace);
    return entry === 0 || ram.entries.version(entry) > version;
  }

  #info(place: number, prefix: Buffer | undefined): EntryInfo | undefined {
    const { tiers } = this;
    const key = tiers.key(place);
    if (prefix !== undefined && !key.subarray(0, prefix.length).equals(prefix)) return undefined;
    const expiresAt = tiers.expiresAt(place);
    const ttlMs = expiresAt === 0 ? undefined : expiresAt - tiers.ram.now();
    if (ttlMs !== undefined && ttlMs <= 0) return undefined;
    return {
      key: Buffer.from(key),
      bytes: tiers.length(place),
      ttlMs,
      idleMs: tiers.idleMs(place),
      hits: tiers.hits(place),
    };
  }
}

class RamBlock implements Block {
  readonly bytes: Uint8Array;
  readonly ttlMs: number | undefined;
  readonly #tier: RamTier;
  #slot: number;

  constructor(tier: RamTier, entry: number) {
    const expiresAt = tier.entries.expiresAt(entry);
    this.#tier = tier;
    this.#slot = tier.entries.slot(entry);
    tier.slots.retain(this.#slot);
    this.bytes = tier.slots.value(this.#slot);
    this.ttlMs = expiresAt === 0 ? undefined : expiresAt - tier.now();
  }

  release(): void {
    if (this.#slot === 0) return;
    this.#tier.slots.release(this.#slot);
    this.#slot = 0;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

function resolvable(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
