/** Below this, memory is not worth keeping. */
const smallestKept = 16 * 1024;

/**
 * Memory of released blocks for the next ones. Fresh memory costs more than reading into it, and
 * blocks of one engine have few lengths.
 */
export class MemoryPool {
  readonly #maxBytes: number;
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /** @param maxBytes Most bytes that are kept while nobody uses them. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes kept now. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** Memory of `length` bytes, with anything in it. */
  take(length: number): Buffer {
    if (length < smallestKept) return Buffer.allocUnsafe(length);
    const size = roundedUp(length);
    const kept = this.#idle.get(size)?.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(size).subarray(0, length);
    this.#idleBytes -= size;
    return Buffer.from(kept, 0, length);
  }

  /** Memory from {@link take} that nobody reads or writes any more. */
  give({ buffer, length }: Uint8Array): void {
    const size = buffer.byteLength;
    if (length < smallestKept || size !== roundedUp(length) || size > this.#maxBytes) return;
    const kept = this.#idle.get(size);
    if (this.#idleBytes + size > this.#maxBytes) {
      // Lengths that nobody asks for any more must not keep out those that are used.
      const others = this.#idleBytes > (kept?.length ?? 0) * size;
      if (others) this.clear();
      return;
    }
    if (kept === undefined) this.#idle.set(size, [buffer as ArrayBuffer]);
    else kept.push(buffer as ArrayBuffer);
    this.#idleBytes += size;
  }

  clear(): void {
    this.#idle.clear();
    this.#idleBytes = 0;
  }
}

/** Up to an eighth more, so that lengths that differ a little share their memory. */
function roundedUp(length: number): number {
  const step = 2 ** Math.max(Math.floor(Math.log2(length)) - 3, 12);
  return Math.ceil(length / step) * step;
}
