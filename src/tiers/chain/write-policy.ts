import type { RamTier } from "../ram/ram-tier.ts";
import type { LowerTier } from "./lower-tier.ts";

/**
 * When a value goes down from RAM:
 * - `"through"`: as soon as it is stored.
 * - `"selective"`: when it is used for the second time, so that what nobody asks for again does not
 *   wear the disk.
 * - `"back"`: some seconds after it was stored, or sooner when unwritten values grow too many; what
 *   is replaced or deleted before that is never written.
 */
export type WriteMode = "through" | "selective" | "back";

export const writeModes = ["through", "selective", "back"] as const satisfies readonly WriteMode[];

/** Decides when a value goes down. Called synchronously by the chain. */
export interface WritePolicy {
  /** The entry got a value from a client. */
  published(entry: number): void;
  /** The entry was read. */
  wasRead?(entry: number): void;
  /** Writes what it holds back. */
  flush?(): void;
}

export interface WritePolicyOptions {
  readonly ram: RamTier;
  readonly lower: LowerTier;
  readonly dirtyBytes: number;
  readonly writeBackMs: number;
}

export function createWritePolicy(mode: WriteMode, options: WritePolicyOptions): WritePolicy {
  if (mode === "selective") return new SelectiveWrites(options);
  if (mode === "back") return new WriteBack(options);
  return {
    published: (entry) => {
      if (isLeftAlone(options, entry)) forgetBelow(options, entry);
      else writeDown(options, entry);
    },
  };
}

/** Whether the lower tier has turned down the other half of the pair: one half is of no use there. */
function isLeftAlone({ ram, lower }: WritePolicyOptions, entry: number): boolean {
  const partner = ram.entries.partner(entry);
  if (partner === 0) return false;
  const key = ram.slots.key(ram.entries.slot(partner));
  return lower.locate(key, 0, key.length, ram.entries.keyspace(partner)) === 0;
}

function writeDown({ ram, lower }: WritePolicyOptions, entry: number): void {
  const { entries, slots } = ram;
  const slot = entries.slot(entry);
  const keyspace = entries.keyspace(entry);
  lower.write(ram, slot, keyspace, entries.expiresAt(entry));
  if (!entries.pinned(entry)) return;
  const key = slots.key(slot);
  const row = lower.locate(key, 0, key.length, keyspace);
  if (row !== 0) lower.setPinned(row, true);
}

/** Drops what the lower tier has under the entry's key. */
function forgetBelow({ ram, lower }: WritePolicyOptions, entry: number): void {
  const { entries, slots } = ram;
  const key = slots.key(entries.slot(entry));
  const row = lower.locate(key, 0, key.length, entries.keyspace(entry));
  if (row === 0) {
    lower.forget?.(key, entries.keyspace(entry));
    return;
  }
  if (lower.isPinned(row)) ram.setPinned(entry, true);
  lower.remove(row);
}

class SelectiveWrites implements WritePolicy {
  readonly #options: WritePolicyOptions;

  constructor(options: WritePolicyOptions) {
    this.#options = options;
  }

  published(entry: number): void {
    forgetBelow(this.#options, entry);
  }

  wasRead(entry: number): void {
    const { ram, lower } = this.#options;
    if (ram.entries.hits(entry) !== 1) return;
    const key = ram.slots.key(ram.entries.slot(entry));
    if (lower.locate(key, 0, key.length, ram.entries.keyspace(entry)) === 0)
      writeDown(this.#options, entry);
  }
}

interface Dirty {
  readonly entry: number;
  readonly slot: number;
  readonly since: number;
}

class WriteBack implements WritePolicy {
  readonly #options: WritePolicyOptions;
  /** Oldest first, from `#head` on; each holds its slot. */
  #dirty: Dirty[] = [];
  #head = 0;
  #dirtyBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WritePolicyOptions) {
    this.#options = options;
  }

  published(entry: number): void {
    forgetBelow(this.#options, entry);
    const { ram, dirtyBytes } = this.#options;
    const slot = ram.entries.slot(entry);
    ram.slots.retain(slot);
    this.#dirty.push({ entry, slot, since: ram.now() });
    this.#dirtyBytes += ram.slots.bytes(slot);
    while (this.#dirtyBytes > dirtyBytes) this.#writeOldest();
    this.#wait();
  }

  flush(): void {
    while (this.#head < this.#dirty.length) this.#writeOldest();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #writeOldest(): void {
    const { ram } = this.#options;
    const { entry, slot } = this.#dirty[this.#head++];
    if (this.#head > 1000 && this.#head * 2 > this.#dirty.length) {
      this.#dirty = this.#dirty.slice(this.#head);
      this.#head = 0;
    }
    this.#dirtyBytes -= ram.slots.bytes(slot);
    if (ram.entries.isPresent(entry) && ram.entries.slot(entry) === slot)
      writeDown(this.#options, entry);
    ram.slots.release(slot);
  }

  #wait(): void {
    if (this.#timer !== undefined || this.#head >= this.#dirty.length) return;
    const { ram, writeBackMs } = this.#options;
    const due = this.#dirty[this.#head].since + writeBackMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const now = ram.now();
        while (
          this.#head < this.#dirty.length &&
          this.#dirty[this.#head].since + writeBackMs <= now
        )
          this.#writeOldest();
        this.#wait();
      },
      Math.max(1, due - ram.now()),
    );
    this.#timer.unref();
  }
}
