/** The hashes of a prompt's consecutive chunks, as the chunks' keys spell them. */
export class HashChain {
  /** All hashes in a row, `width` bytes each. */
  readonly bytes: Buffer;
  readonly width: number;
  readonly length: number;
  readonly #chunkSize: number;
  readonly #tokens: number;
  readonly #spell: (hash: Buffer) => string;

  constructor(
    bytes: Buffer,
    width: number,
    chunkSize: number,
    tokens: number,
    spell: (hash: Buffer) => string = spellDigest,
  ) {
    this.bytes = bytes;
    this.width = width;
    this.length = bytes.length / width;
    this.#chunkSize = chunkSize;
    this.#tokens = tokens;
    this.#spell = spell;
  }

  /** The hash of a chunk as bytes; given back to `chain` it continues the chain behind the chunk. */
  digest(index: number): Buffer {
    return this.bytes.subarray(index * this.width, (index + 1) * this.width);
  }

  /** The hash of a chunk as its key spells it. */
  hash(index: number): string {
    return this.#spell(this.digest(index));
  }

  /** All hashes, spelled. */
  hashes(): string[] {
    return Array.from({ length: this.length }, (_, index) => this.hash(index));
  }

  /** Number of the token at which a chunk begins. */
  start(index: number): number {
    return index * this.#chunkSize;
  }

  /** Number of the token behind a chunk. */
  end(index: number): number {
    return Math.min(this.start(index + 1), this.#tokens);
  }
}

function spellDigest(hash: Buffer): string {
  return hash.toString("hex");
}

/** As Python writes `f"{n:x}"` of 8 bytes without a sign. */
export function spellUnsigned(hash: Buffer): string {
  return hash.readBigUInt64BE().toString(16);
}

/** As Python writes `f"{n:x}"` of 8 bytes with a sign. */
export function spellSigned(hash: Buffer): string {
  return hash.readBigInt64BE().toString(16);
}
