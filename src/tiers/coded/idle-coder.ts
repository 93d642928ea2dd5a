import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../observe/logger.ts";
import type { CodecRules } from "../../store/wrappers/codec-rules.ts";
import { type BlockMover, LEAST_BYTES } from "./block-mover.ts";

export interface IdleCoderOptions {
  readonly mover: BlockMover;
  readonly rules: CodecRules;
  readonly logger: Logger;
  /** Between two looks, in ms. Default 1000. */
  readonly everyMs?: number;
}

interface IdleBlock {
  readonly key: Buffer;
  readonly keyspace: number;
  readonly entry: number;
  readonly version: number;
}

/** Entries that are remembered as not to be encoded. */
const MOST_REFUSED = 65_536;
/** Entries that one look goes over; the next goes on from there. */
const ENTRIES_A_LOOK = 4000;

/**
 * Encodes blocks in RAM that were not used for as long as their rule says: one after the other, and for no
 * more than half of the time.
 */
export class IdleCoder {
  readonly #mover: BlockMover;
  readonly #rules: CodecRules;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  /** Versions of entries that cannot be encoded, by entry. */
  readonly #refused = new Map<number, number>();
  #next = 1;
  #looking: Promise<void> | undefined;

  constructor({ mover, rules, logger, everyMs = 1000 }: IdleCoderOptions) {
    this.#mover = mover;
    this.#rules = rules;
    this.#logger = logger;
    this.#timer = setInterval(() => this.#tick(), everyMs);
    this.#timer.unref();
  }

  /** Begins nothing more and waits for the block under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#looking;
  }

  #tick(): void {
    if (this.#looking !== undefined || this.#stop.signal.aborted) return;
    this.#looking = this.#look()
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted)
          this.#logger.error({ err: error }, "encoding idle blocks failed");
      })
      .finally(() => (this.#looking = undefined));
  }

  async #look(): Promise<void> {
    for (const { key, keyspace, entry, version } of this.#idleBlocks()) {
      if (this.#stop.signal.aborted) return;
      const rule = this.#rules.find(key, ({ idleMs }) => idleMs !== undefined)!;
      const began = performance.now();
      const { status } = await this.#mover.encode(key, keyspace, rule, true);
      if (status !== "moved") this.#refuse(entry, version);
      await delay(Math.max(1, performance.now() - began), undefined, { signal: this.#stop.signal });
    }
  }

  #refuse(entry: number, version: number): void {
    if (this.#refused.size >= MOST_REFUSED) this.#refused.clear();
    this.#refused.set(entry, version);
  }

  /** Those among the next entries. */
  #idleBlocks(): IdleBlock[] {
    const { ram } = this.#mover.tiers;
    const { entries, slots } = ram;
    const found: IdleBlock[] = [];
    const end = Math.min(entries.end, this.#next + ENTRIES_A_LOOK);
    for (; this.#next < end; this.#next++) {
      const entry = this.#next;
      if (!entries.isPresent(entry)) continue;
      const slot = entries.slot(entry);
      const version = entries.version(entry);
      if (this.#refused.get(entry) === version) continue;
      if (slots.length(slot) < LEAST_BYTES) continue;
      const key = slots.key(slot);
      const rule = this.#rules.find(key, ({ idleMs }) => idleMs !== undefined);
      if (rule === undefined || ram.idleMs(entry) < rule.idleMs!) continue;
      found.push({ key: Buffer.from(key), keyspace: entries.keyspace(entry), entry, version });
    }
    if (this.#next >= entries.end) this.#next = 1;
    return found;
  }
}
