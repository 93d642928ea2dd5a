import { KeepwarmError } from "../../errors.ts";
import type { HashChain } from "./hash-chain.ts";

/** Token ids of a prompt. */
export type Tokens = Int32Array | Uint32Array;

/** Turns tokens into the hashes of their chunks. Not to be used by two calls at once. */
export interface ChunkHasher {
  /** Tokens of a chunk. */
  readonly chunkSize: number;
  /** What the first chunk is chained to, as bytes; empty where it is chained to nothing. */
  readonly root: Uint8Array;
  /**
   * The chain of `tokens`, in one pass.
   *
   * @param prior the digest of the chunk before the first one; default `root`
   * @throws KeepwarmError `INPUT_INVALID` for a token below 0.
   */
  chain(tokens: Tokens, prior?: Uint8Array): HashChain;
}

/** How a prompt is cut. */
export interface ChunkOptions {
  /** Tokens of a chunk, 1 to 2^24. */
  readonly chunkSize: number;
  /** Whether a last chunk of fewer tokens counts; `save_unfull_chunk` in LMCache. Default false. */
  readonly unfull?: boolean;
}

/** Number of chunks that `count` tokens make. */
export function chunkCount(count: number, { chunkSize, unfull = false }: ChunkOptions): number {
  return unfull ? Math.ceil(count / chunkSize) : Math.floor(count / chunkSize);
}

/** The tokens, seen as what they are: never negative. */
export function checkedTokens(tokens: Tokens): Uint32Array {
  if (tokens instanceof Uint32Array) return tokens;
  for (let index = 0; index < tokens.length; index++)
    if (tokens[index] < 0)
      throw new KeepwarmError("INPUT_INVALID", `token ${index} is ${tokens[index]}`, {
        remedy: "Token ids are whole numbers from 0.",
      });
  return new Uint32Array(tokens.buffer, tokens.byteOffset, tokens.length);
}

/** @throws KeepwarmError `INPUT_INVALID` */
export function checkChunkSize(chunkSize: number): void {
  if (Number.isInteger(chunkSize) && chunkSize >= 1 && chunkSize <= 1 << 24) return;
  throw new KeepwarmError("INPUT_INVALID", `${chunkSize} is no chunk size`, {
    remedy: `Write a whole number of tokens from 1 to ${1 << 24}.`,
  });
}
