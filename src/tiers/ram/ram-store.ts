import type { Block } from "../../store/block.ts";
import {
  type BlockStore,
  type CallOptions,
  type EntryInfo,
  type GetOptions,
  type Key,
  type PutEntry,
  type PutOptions,
  type PutOutcome,
  type ScanOptions,
  type StoreCapabilities,
  type StoreStats,
} from "../../store/contract.ts";
import { keyBytes } from "../../store/key-bytes.ts";
import { NO_ROOM, RamTier, type RamTierOptions, TOO_LARGE } from "./ram-tier.ts";

const STORED: PutOutcome = { status: "stored" };
const EXISTS: PutOutcome = { status: "exists" };

/**
 * The RAM tier as a BlockStore.
 *
 * @example
 * ```ts
 * const store = new RamStore({ capacityBytes: 1024 ** 3 });
 * await store.put([{ key: "chunk-1", value: bytes }]);
 * const [block] = await store.get(["chunk-1"]);
 * ```
 */
export class RamStore implements BlockStore {
  readonly name = "ram";
  readonly capabilities: StoreCapabilities;
  readonly tier: RamTier;
  #closed = false;

  constructor(options: RamTierOptions | RamTier) {
    this.tier = options instanceof RamTier ? options : new RamTier(options);
    this.capabilities = Object.freeze({
      persistent: false,
      ttl: true,
      scan: true,
      evicts: true,
      maxBlockBytes: this.tier.maxValueBytes,
    });
  }

  async get(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]> {
    options?.signal?.throwIfAborted();
    const found = this.#findAll(keys, options);
    for (const entry of found.toReversed())
      if (entry === 0) this.tier.counters.misses++;
      else this.tier.read(entry);
    return found.map((entry) => (entry === 0 ? undefined : new RamBlock(this.tier, entry)));
  }

  async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    options?.signal?.throwIfAborted();
    const keyspace = options?.keyspace ?? 0;
    const outcomes = Array.from<PutOutcome>({ length: entries.length });
    const before = this.tier.entries.lastVersion;
    // Backwards, so that the first of a chain is the most recent; of one key twice, the later wins.
    for (let i = entries.length - 1; i >= 0; i--)
      outcomes[i] = this.#put(entries[i], keyspace, before);
    return outcomes;
  }

  async match(keys: readonly Key[], options?: CallOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    const found = this.#findAll(keys, options);
    const missing = found.indexOf(0);
    const present = missing < 0 ? found.length : missing;
    for (let i = present - 1; i >= 0; i--) this.tier.protect(found[i]);
    return present;
  }

  async has(keys: readonly Key[], options?: CallOptions): Promise<boolean[]> {
    options?.signal?.throwIfAborted();
    const found = this.#findAll(keys, options);
    for (const entry of found.toReversed()) if (entry !== 0) this.tier.protect(entry);
    return found.map((entry) => entry !== 0);
  }

  async delete(keys: readonly Key[], options?: CallOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    const present = new Set(this.#findAll(keys, options));
    present.delete(0);
    for (const entry of present) if (this.tier.entries.isPresent(entry)) this.tier.remove(entry);
    return present.size;
  }

  async *scan(options?: ScanOptions): AsyncGenerator<EntryInfo> {
    const { tier } = this;
    const keyspace = options?.keyspace ?? 0;
    const prefix = options?.prefix === undefined ? undefined : Buffer.from(options.prefix);
    for (let entry = 1; entry < tier.entries.end; entry++) {
      options?.signal?.throwIfAborted();
      if (!tier.entries.isPresent(entry) || tier.entries.keyspace(entry) !== keyspace) continue;
      const slot = tier.entries.slot(entry);
      const key = tier.slots.key(slot);
      if (prefix !== undefined && !key.subarray(0, prefix.length).equals(prefix)) continue;
      const expiresAt = tier.entries.expiresAt(entry);
      const ttlMs = expiresAt === 0 ? undefined : expiresAt - tier.now();
      if (ttlMs !== undefined && ttlMs <= 0) continue;
      yield {
        key: Buffer.from(key),
        bytes: tier.slots.length(slot),
        ttlMs,
        idleMs: tier.idleMs(entry),
        hits: tier.entries.hits(entry),
      };
    }
  }

  stats(): StoreStats {
    const { tier } = this;
    return {
      name: this.name,
      capacityBytes: tier.capacityBytes,
      usedBytes: tier.usedBytes,
      valueBytes: tier.valueBytes,
      blocks: tier.entries.count,
      ...tier.counters.snapshot(),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.tier.clear();
  }

  #findAll(keys: readonly Key[], options: CallOptions | undefined): number[] {
    const keyspace = options?.keyspace ?? 0;
    const found = keys.map((key) => {
      const bytes = keyBytes(key);
      return this.#closed ? 0 : this.tier.find(bytes, 0, bytes.length, keyspace);
    });
    // An expiry met on the way takes its pair's other half along, which may have been found before.
    return found.map((entry) => (this.tier.entries.isPresent(entry) ? entry : 0));
  }

  #put(entry: PutEntry, keyspace: number, before: number): PutOutcome {
    const { tier } = this;
    const key = keyBytes(entry.key);
    if (this.#closed) return { status: "rejected", reason: "closed" };
    const present = tier.find(key, 0, key.length, keyspace);
    if (present !== 0 && entry.ifAbsent === true) return EXISTS;
    if (present !== 0 && tier.entries.version(present) > before) return STORED;
    const parts: readonly Uint8Array[] =
      entry.value instanceof Uint8Array ? [entry.value] : entry.value;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const slot = tier.reserve(length, key.length);
    if (slot === TOO_LARGE || slot === NO_ROOM) {
      tier.counters.rejected++;
      return { status: "rejected", reason: slot === TOO_LARGE ? "too-large" : "no-room" };
    }
    const value = tier.slots.value(slot);
    let at = 0;
    for (const part of parts) {
      value.set(part, at);
      at += part.length;
    }
    const expiresAt = entry.ttlMs === undefined ? 0 : tier.now() + entry.ttlMs;
    return tier.publish(slot, key, 0, key.length, keyspace, expiresAt) === 0
      ? { status: "rejected", reason: "no-room" }
      : STORED;
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
