import { KeepwarmError } from "../../errors.ts";
import type { CliIo } from "../io.ts";
import { checkFlags, type KeysFlags } from "../keys/flags.ts";
import { hasherOf } from "../keys/hasher.ts";
import { keyMaker } from "../keys/key-maker.ts";
import { readTokens } from "../keys/tokens.ts";
import { readKey } from "../render/key.ts";
import { chunkOf, type Chunk } from "./chunk.ts";

const keyFlags = [
  "family",
  "tokens",
  "hash",
  "chunkSize",
  "pageSize",
  "saveUnfullChunk",
  "seed",
  "release",
  "python",
  "bigram",
  "extraKey",
  "cacheSalt",
  "model",
  "dtype",
  "worldSize",
  "workerId",
  "group",
  "mla",
] as const satisfies readonly (keyof KeysFlags)[];

/** The chunks that are asked about, and what they were made of. */
export interface Chain {
  readonly chunks: readonly Chunk[];
  readonly tokens?: Uint32Array;
  /** How keys were made of tokens. */
  readonly flags?: KeysFlags;
}

/**
 * A chain of chunks from keys, or from tokens and flags that say how they are hashed.
 *
 * @throws KeepwarmError `INPUT_INVALID` unless there is exactly one of the two, and when the tokens
 *   fill no chunk.
 */
export async function chainOf(
  names: readonly string[],
  all: Partial<KeysFlags>,
  io: CliIo,
): Promise<Chain> {
  const given = Object.fromEntries(
    keyFlags.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])),
  );
  if (names.length > 0) {
    if (Object.keys(given).length > 0)
      throw new KeepwarmError("INPUT_INVALID", "keys and flags that make keys do not go together", {
        remedy: "Give either keys, or --family, --tokens and --model.",
      });
    return { chunks: names.map((name) => chunkOf(readKey(name))) };
  }
  const missing = ["family", "tokens", "model"].find((name) => given[name] === undefined);
  if (missing !== undefined)
    throw new KeepwarmError("INPUT_INVALID", `--${missing} is missing`, {
      remedy: "Give keys, or --family, --tokens and --model; `keepwarm ls` shows models.",
    });
  const flags = given as unknown as KeysFlags;
  const family = checkFlags(flags);
  const tokens = await readTokens(flags.tokens, io);
  const { hasher } = await hasherOf(family, flags);
  const makeKey = keyMaker(family, flags)!;
  const chain = hasher.chain(tokens);
  const chunks = Array.from({ length: chain.length }, (_, index) =>
    chunkOf(Buffer.from(makeKey(chain.hash(index))), {
      start: chain.start(index),
      end: chain.end(index),
    }),
  );
  if (chunks.length > 0) return { chunks, tokens, flags };
  throw new KeepwarmError("INPUT_INVALID", `${tokens.length} tokens fill no chunk`, {
    remedy: "Give more of the prompt, a smaller --chunk-size, or --save-unfull-chunk.",
  });
}
