const headerBytes = 16;
/** Blocks start this many different places into the noise. */
const places = 4096;

/**
 * Bytes that tell whose block they are: a header with the block's number, then a stretch of noise
 * that begins somewhere else for each number. Writing needs no copy and checking is one comparison,
 * so that a load program is not the limit of what it loads.
 */
export class BlockPattern {
  readonly blockBytes: number;
  readonly #noise: Buffer;

  /** @param blockBytes Size of every block; at least 16. */
  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
    this.#noise = noise(blockBytes + places);
  }

  /** The block of number `id`, in parts to be sent one after the other. */
  parts(id: number): readonly Uint8Array[] {
    const header = Buffer.allocUnsafe(headerBytes);
    this.#writeHeader(header, id);
    return [header, this.#body(id)];
  }

  /** Whether the first `length` bytes of `memory` are the block of number `id`, whole. */
  matches(id: number, memory: Buffer, length: number): boolean {
    if (length !== this.blockBytes) return false;
    const header = Buffer.allocUnsafe(headerBytes);
    this.#writeHeader(header, id);
    return (
      memory.compare(header, 0, headerBytes, 0, headerBytes) === 0 &&
      memory.subarray(headerBytes, length).equals(this.#body(id))
    );
  }

  #writeHeader(header: Buffer, id: number): void {
    header.writeDoubleLE(id, 0);
    header.writeUInt32LE(mix(id), 8);
    header.writeUInt32LE(this.blockBytes, 12);
  }

  #body(id: number): Buffer {
    const start = mix(id) % places;
    return this.#noise.subarray(start, start + this.blockBytes - headerBytes);
  }
}

/** Smallest block that a {@link BlockPattern} can mark. */
export const minBlockBytes = headerBytes;

/** 32 well-mixed bits of a block number. */
export function mix(id: number): number {
  let bits = Math.imul((id | 0) ^ Math.floor(id / 2 ** 32), 0x9e3779b1);
  bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca77);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae3d);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** The same bytes in every process, by a xorshift generator. */
function noise(length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = 0x2545f491;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer);
}
