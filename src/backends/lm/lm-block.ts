import type { Block } from "../../store/block.ts";
import type { MemoryPool } from "../valkey/memory-pool.ts";

/** A block in memory of a pool, which has it back after the release. */
export class LmBlock implements Block {
  readonly bytes: Uint8Array;
  readonly ttlMs: undefined;
  readonly #pool: MemoryPool;
  #held = true;

  constructor(bytes: Uint8Array, pool: MemoryPool) {
    this.bytes = bytes;
    this.#pool = pool;
  }

  release(): void {
    if (this.#held) this.#pool.give(this.bytes);
    this.#held = false;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
