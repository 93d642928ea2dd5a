import type { Block } from "../block.ts";

/** A block in memory of its own: nothing has to be given back. */
export class DecodedBlock implements Block {
  readonly bytes: Uint8Array;
  readonly ttlMs: number | undefined;

  constructor(bytes: Uint8Array, ttlMs: number | undefined) {
    this.bytes = bytes;
    this.ttlMs = ttlMs;
  }

  release(): void {}

  [Symbol.dispose](): void {}
}
