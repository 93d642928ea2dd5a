import {
  checkChunkSize,
  checkedTokens,
  chunkCount,
  type ChunkHasher,
  type ChunkOptions,
  type Tokens,
} from "./chunk-hasher.ts";
import type { Digest } from "./digest.ts";
import { HashChain } from "./hash-chain.ts";

/** What is hashed for a chunk, and what of it is kept. */
export interface ChunkLayout {
  readonly root: Uint8Array;
  readonly digest: Digest;
  /** Bytes of the digest that the next chunk and the key get. */
  readonly width: number;
  /** Most bytes that `write` needs for a chunk of `units`. */
  readonly length: (units: number) => number;
  /** Writes what is hashed and returns its end. */
  readonly write: (
    target: Buffer,
    prior: Buffer,
    tokens: Uint32Array,
    from: number,
    to: number,
  ) => number;
  /** Units that a prompt of `tokens` has. Default: its tokens. */
  readonly units?: (tokens: number) => number;
  /** How keys spell a hash. Default: all bytes in hex. */
  readonly spell?: (hash: Buffer) => string;
}

/** Chunk hashes by a digest over bytes that a layout writes into one reused buffer. */
export class DigestHasher implements ChunkHasher {
  readonly chunkSize: number;
  readonly root: Uint8Array;
  readonly #options: ChunkOptions;
  readonly #layout: ChunkLayout;
  #input: Buffer = Buffer.alloc(0);

  /** @throws KeepwarmError `INPUT_INVALID` for a chunk size that is none. */
  constructor(options: ChunkOptions, layout: ChunkLayout) {
    checkChunkSize(options.chunkSize);
    this.chunkSize = options.chunkSize;
    this.root = layout.root;
    this.#options = options;
    this.#layout = layout;
  }

  chain(tokens: Tokens, prior: Uint8Array = this.root): HashChain {
    const { chunkSize } = this;
    const { width, digest, spell } = this.#layout;
    const ids = checkedTokens(tokens);
    const units = this.#layout.units?.(ids.length) ?? ids.length;
    const count = chunkCount(units, this.#options);
    const bytes = Buffer.alloc(count * width);
    const input = this.#inputFor(Math.min(chunkSize, units));
    let view = input;
    let last = Buffer.from(prior.buffer, prior.byteOffset, prior.length);
    for (let index = 0; index < count; index++) {
      const from = index * chunkSize;
      const end = this.#layout.write(input, last, ids, from, Math.min(from + chunkSize, units));
      if (view.length !== end) view = input.subarray(0, end);
      digest(view, bytes, index * width, width);
      last = bytes.subarray(index * width, (index + 1) * width);
    }
    return new HashChain(bytes, width, chunkSize, units, spell);
  }

  #inputFor(units: number): Buffer {
    const length = this.#layout.length(units);
    if (this.#input.length < length) this.#input = Buffer.alloc(length);
    return this.#input;
  }
}
