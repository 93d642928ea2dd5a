import {
  checkChunkSize,
  checkedTokens,
  chunkCount,
  type ChunkHasher,
  type ChunkOptions,
  type Tokens,
} from "./chunk-hasher.ts";
import { HashChain } from "./hash-chain.ts";
import { hashOfInteger, TupleHash } from "./tuple-hash.ts";

const width = 8;

/** Chunk hashes by Python's own `hash((prior, (token, …), extra))`. */
export class BuiltinHasher implements ChunkHasher {
  readonly chunkSize: number;
  readonly root: Buffer = Buffer.alloc(width);
  readonly #options: ChunkOptions;
  readonly #extra: bigint;
  readonly #spell: ((hash: Buffer) => string) | undefined;
  readonly #tuple = new TupleHash();

  /**
   * @param root NONE_HASH
   * @param extra the hash of what stands behind the tokens
   * @param spell how keys spell a hash; default all bytes in hex
   * @throws KeepwarmError `INPUT_INVALID` for a chunk size that is none.
   */
  constructor(
    options: ChunkOptions,
    root: bigint,
    extra: bigint,
    spell?: (hash: Buffer) => string,
  ) {
    checkChunkSize(options.chunkSize);
    this.chunkSize = options.chunkSize;
    this.root.writeBigInt64BE(root);
    this.#options = options;
    this.#extra = extra;
    this.#spell = spell;
  }

  chain(tokens: Tokens, prior: Uint8Array = this.root): HashChain {
    const { chunkSize } = this;
    const ids = checkedTokens(tokens);
    const count = chunkCount(ids.length, this.#options);
    const bytes = Buffer.alloc(count * width);
    let last = Buffer.from(prior).readBigInt64BE();
    for (let index = 0; index < count; index++) {
      const from = index * chunkSize;
      const inner = this.#tuple.ofTokens(ids, from, Math.min(from + chunkSize, ids.length));
      last = this.#tuple.ofLanes(hashOfInteger(last), inner, this.#extra);
      bytes.writeBigInt64BE(last, index * width);
    }
    return new HashChain(bytes, width, chunkSize, ids.length, this.#spell);
  }
}
