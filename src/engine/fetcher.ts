import type { Block } from "../store/block.ts";
import type { FoundChunk } from "./finder.ts";
import { openFrame } from "./frame.ts";
import type { KvChunk, MissReason, RetrieveOptions } from "./types.ts";

/** Chunks that are asked for at once: what is behind one that is missing was fetched in vain. */
const chunksAtOnce = 64;

/** Values on their way from a store, in a row from token 0 on. */
export class Fetch {
  readonly chunks: KvChunk[] = [];
  readonly found: FoundChunk[] = [];
  /** Why there are no more. */
  reason: MissReason | undefined;
  /** Keys whose blocks failed their check. */
  readonly damaged: string[] = [];
  bytes = 0;
  readonly #blocks: Block[] = [];
  readonly #into: RetrieveOptions["into"];
  readonly #maxTokens: number;

  constructor(into: RetrieveOptions["into"], maxTokens: number) {
    this.#into = into;
    this.#maxTokens = maxTokens;
  }

  /** Leading tokens that are here. */
  get prefixTokens(): number {
    const last = this.chunks.at(-1);
    return last === undefined ? 0 : last.start + last.tokens;
  }

  /** Fetches and checks what was found, until one is not there or of no use. */
  async run(
    found: readonly FoundChunk[],
    get: (keys: readonly string[]) => Promise<(Block | undefined)[]>,
  ): Promise<void> {
    for (let at = 0; at < found.length && this.reason === undefined; at += chunksAtOnce) {
      const some = found.slice(at, at + chunksAtOnce);
      const blocks = await get(some.map(({ key }) => key));
      try {
        for (const [index, block] of blocks.entries()) this.#take(some[index], block);
      } catch (error) {
        releaseAll(blocks);
        throw error;
      }
    }
  }

  release(): void {
    for (const block of this.#blocks.splice(0)) block.release();
  }

  #take(chunk: FoundChunk, block: Block | undefined): void {
    if (this.reason === undefined) this.reason = this.#use(chunk, block);
    // Where one is damaged more may be: those in hand are found out at once.
    else if (block !== undefined && valueOf(chunk, block) === undefined)
      this.damaged.push(chunk.key);
    if (this.reason !== undefined) block?.release();
  }

  #use(chunk: FoundChunk, block: Block | undefined): MissReason | undefined {
    const { key, start, end } = chunk;
    if (block === undefined) return "absent";
    const value = valueOf(chunk, block);
    if (value === undefined) {
      this.damaged.push(key);
      return "damaged";
    }
    let bytes = value;
    if (this.#into === undefined) this.#blocks.push(block);
    else {
      const target = this.#into({ start, end }, value.length);
      if (target === undefined || target.length < value.length) return "no-room";
      target.set(value);
      bytes = target.subarray(0, value.length);
      block.release();
    }
    const tokens = Math.min(end, this.#maxTokens) - start;
    this.chunks.push({ start, end, bytes, tokens });
    this.found.push(chunk);
    this.bytes += bytes.length;
    return undefined;
  }
}

/** Gives back what came too late. */
export function releaseAll(blocks: readonly (Block | undefined)[]): void {
  for (const block of blocks) block?.release();
}

function valueOf({ start, end, digest }: FoundChunk, { bytes }: Block): Uint8Array | undefined {
  return openFrame({ kind: "chunk", digest, tokens: end - start }, bytes);
}
