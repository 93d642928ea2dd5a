import type { Block } from "../../store/block.ts";
import type { MemoryPool } from "./memory-pool.ts";

/** A block in memory of a pool, which has it back after the release. */
export class ValkeyBlock implements Block {
  readonly bytes: Uint8Array;
  readonly ttlMs: number | undefined;
  readonly #pool: MemoryPool;
  #memory: Uint8Array | undefined;

  constructor(bytes: Uint8Array, ttlMs: number | undefined, memory: Uint8Array, pool: MemoryPool) {
    this.bytes = bytes;
    this.ttlMs = ttlMs;
    this.#memory = memory;
    this.#pool = pool;
  }

  release(): void {
    if (this.#memory === undefined) return;
    this.#pool.give(this.#memory);
    this.#memory = undefined;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
