import type { BlockStore, CallOptions } from "../store/contract.ts";
import { openFrame } from "./frame.ts";
import type { ChunkName, PromptChain } from "./prompt-chain.ts";
import { readTails, type TailEntry } from "./tail-list.ts";
import { locate } from "./where.ts";

/** A piece of a prompt that is there, and the tier that has it. */
export interface FoundChunk extends ChunkName {
  readonly tier: string;
}

export interface FindOptions extends CallOptions {
  readonly tail: boolean;
  /** Most tokens that are wanted. */
  readonly maxTokens: number;
}

/** The longest run of pieces from token 0 on that the store has. */
export async function findChunks(
  store: BlockStore,
  chain: PromptChain,
  { tail, maxTokens, ...call }: FindOptions,
): Promise<FoundChunk[]> {
  const wanted = Math.min(chain.length, Math.ceil(maxTokens / chain.chunkSize));
  const names = Array.from({ length: wanted }, (_, index) => chain.chunk(index));
  const tiers = await locate(
    store,
    names.map(({ key }) => key),
    call,
  );
  const found = tiers.map((tier, index) => ({ ...names[index], tier }));
  if (!tail || tiers.length * chain.chunkSize >= maxTokens) return found;
  const last = await findTail(store, chain, tiers.length, maxTokens, call);
  return last === undefined ? found : [...found, last];
}

/** The tails that are stored behind the first `chunks` chunks, newest first. */
export async function readTailList(
  store: BlockStore,
  chain: PromptChain,
  chunks: number,
  call: CallOptions,
): Promise<TailEntry[]> {
  const { key, digest } = chain.tailList(chunks);
  const [block] = await store.get([key], call);
  if (block === undefined) return [];
  try {
    const value = openFrame({ kind: "tails", digest, tokens: 0 }, block.bytes);
    return readTails(value === undefined ? undefined : Uint8Array.from(value));
  } finally {
    block.release();
  }
}

/** The whole chunks of a prompt from token `from` on, and the tails along it. */
export async function namesFrom(
  store: BlockStore,
  chain: PromptChain,
  from: number,
  call: CallOptions,
): Promise<ChunkName[]> {
  const { chunkSize, length, tokens } = chain;
  const lists = await Promise.all(
    Array.from({ length: length + 1 }, (_, chunks) => readTailList(store, chain, chunks, call)),
  );
  const ends = lists.flatMap((list, chunks) =>
    list.map((tail) => chunks * chunkSize + tail.tokens),
  );
  const tails = chain.tails([...ends, tokens.length].filter((end) => end > from));
  return [...chain.chunks().filter(({ start }) => start >= from), ...tails];
}

/** The longest stored tail that is the prompt's own, behind its first `chunks` chunks. */
async function findTail(
  store: BlockStore,
  chain: PromptChain,
  chunks: number,
  maxTokens: number,
  call: CallOptions,
): Promise<FoundChunk | undefined> {
  const start = chunks * chain.chunkSize;
  const end = Math.min(chain.tokens.length, maxTokens);
  // Mostly the same prompt again: then its end is what was stored.
  const exact = end - start < chain.chunkSize ? chain.tail(end) : undefined;
  const exactTier = exact && (await locate(store, [exact.key], call))[0];
  if (exact !== undefined && exactTier !== undefined) return { ...exact, tier: exactTier };
  const candidates = (await readTailList(store, chain, chunks, call))
    .filter(({ tokens }) => tokens > 0 && tokens < chain.chunkSize)
    .toSorted((one, other) => other.tokens - one.tokens);
  for (const { tokens, digest } of candidates) {
    const name = chain.tail(start + tokens);
    if (name?.digest.equals(digest) !== true) continue;
    const [tier] = await locate(store, [name.key], call);
    if (tier !== undefined) return { ...name, tier };
  }
  return undefined;
}
