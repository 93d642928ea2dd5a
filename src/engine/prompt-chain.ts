import { createHash } from "node:crypto";
import type { ChunkHasher } from "../keys/hash/chunk-hasher.ts";
import type { HashChain } from "../keys/hash/hash-chain.ts";
import { nativeHasher } from "../keys/hash/native.ts";
import type { CheckedNamespace } from "./namespace.ts";
import type { PromptTokens, TokenRange } from "./types.ts";

// Keys of a prompt of tokens t, in chunks of c:
//
//   chunk n  kw@model@world@rank@H(n)@dtype   H(n) = SHA-256(H(n-1) or root ‖ t[nc, (n+1)c)), keys/hash/native
//   tail     the same with fewer tokens: SHA-256(H(n-1) ‖ t[nc, p))
//   tails    SHA-256("keepwarm-tails-v1" ‖ H(n-1) or root): which tails are stored behind chunk n-1

const tailsLabel = "keepwarm-tails-v1";

/** Where a piece of a prompt is kept. */
export interface ChunkName extends TokenRange {
  readonly key: string;
  /** The hash of the prompt up to `end`. */
  readonly digest: Buffer;
}

/** Makes the names of prompts' pieces. */
export class ChainMaker {
  readonly chunkSize: number;
  readonly #whole: ChunkHasher;
  readonly #partial: ChunkHasher;
  readonly #namespace: CheckedNamespace;

  /** @throws KeepwarmError `INPUT_INVALID` for a chunk size that is none. */
  constructor(chunkSize: number, namespace: CheckedNamespace) {
    const { extraKey, salt } = namespace;
    const options = { chunkSize, extraKey, ...(salt === undefined ? {} : { cacheSalt: salt }) };
    this.chunkSize = chunkSize;
    this.#whole = nativeHasher(options);
    this.#partial = nativeHasher({ ...options, unfull: true });
    this.#namespace = namespace;
  }

  /** @throws TypeError for numbers that are no token ids. */
  chain(tokens: PromptTokens): PromptChain {
    const ids = idsOf(tokens);
    return new PromptChain(ids, this.#whole.chain(ids), this.#partial, this.#namespace);
  }
}

/** The names of one prompt's pieces. */
export class PromptChain {
  readonly tokens: Uint32Array;
  /** Whole chunks of the prompt. */
  readonly length: number;
  readonly chunkSize: number;
  readonly #hashes: HashChain;
  readonly #partial: ChunkHasher;
  readonly #namespace: CheckedNamespace;

  constructor(
    tokens: Uint32Array,
    hashes: HashChain,
    partial: ChunkHasher,
    namespace: CheckedNamespace,
  ) {
    this.tokens = tokens;
    this.length = hashes.length;
    this.chunkSize = partial.chunkSize;
    this.#hashes = hashes;
    this.#partial = partial;
    this.#namespace = namespace;
  }

  /** The whole chunk `index`. */
  chunk(index: number): ChunkName {
    const digest = this.#hashes.digest(index);
    const start = index * this.chunkSize;
    return { key: this.#keyOf(digest), digest, start, end: start + this.chunkSize };
  }

  /** All whole chunks. */
  chunks(): ChunkName[] {
    return Array.from({ length: this.length }, (_, index) => this.chunk(index));
  }

  /** The partial chunks that end at `positions`. */
  tails(positions: Iterable<number>): ChunkName[] {
    return [...new Set(positions)].flatMap((position) => this.tail(position) ?? []);
  }

  /** The partial chunk that ends in front of token `position`; nothing where a whole one does. */
  tail(position: number): ChunkName | undefined {
    const start = position - (position % this.chunkSize);
    if (start === position || position < 0 || position > this.tokens.length) return undefined;
    const rest = this.tokens.subarray(start, position);
    const digest = this.#partial.chain(rest, this.#before(start / this.chunkSize)).digest(0);
    return { key: this.#keyOf(digest), digest, start, end: position };
  }

  /** Where it is kept which tails there are behind the first `chunks` chunks. */
  tailList(chunks: number): { readonly key: string; readonly digest: Buffer } {
    const digest = createHash("sha256").update(tailsLabel).update(this.#before(chunks)).digest();
    return { key: this.#keyOf(digest), digest };
  }

  #before(chunks: number): Uint8Array {
    return chunks === 0 ? this.#partial.root : this.#hashes.digest(chunks - 1);
  }

  #keyOf(digest: Buffer): string {
    return this.#namespace.keyOf(digest.toString("hex"));
  }
}

function idsOf(tokens: PromptTokens): Uint32Array {
  if (tokens instanceof Uint32Array) return tokens;
  for (const [index, token] of tokens.entries())
    if (!Number.isInteger(token) || token < 0 || token > 0xffffffff)
      throw new TypeError(`token ${index} of the prompt is ${token}: ids are whole numbers from 0`);
  return Uint32Array.from(tokens);
}
