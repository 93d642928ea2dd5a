import { lmcacheHashes, type LmcacheHash } from "../../keys/hash/lmcache.ts";
import type { Reader } from "./reader.ts";

/** How LMCache's engines cut and hash a prompt: what `keepwarm keys` and `explain` need to know. */
export interface LmcacheNamespace {
  /** Tokens of a chunk. */
  readonly chunkSize: number;
  /** Whether a last chunk of fewer tokens counts. */
  readonly unfull: boolean;
  /** Absent for an algorithm that is not known here. */
  readonly hash?: LmcacheHash;
  /** PYTHONHASHSEED, where it is a number. */
  readonly seed?: string;
}

export function namespaceOf(
  read: Reader,
  env: NodeJS.ProcessEnv,
  note: (key: string, text: string) => void,
): LmcacheNamespace {
  const chunkSize = read.number("chunk_size", 1) ?? 256;
  if (!Number.isInteger(chunkSize))
    read.fail("chunk_size", "must be a whole number of tokens", "Such as 256.");
  const hash = hashOf(read.text("pre_caching_hash_algorithm") ?? "builtin");
  if (hash === undefined)
    note(
      "pre_caching_hash_algorithm",
      "is no algorithm that is known here: keys cannot be made of tokens",
    );
  const seed = env["PYTHONHASHSEED"];
  return {
    chunkSize,
    unfull: read.flag("save_unfull_chunk") ?? false,
    ...(hash !== undefined && { hash }),
    ...(seed !== undefined && /^\d+$/.test(seed) && { seed }),
  };
}

function hashOf(name: string): LmcacheHash | undefined {
  const plain = name === "sha256_cbor_64bit" ? "sha256_cbor" : name;
  return lmcacheHashes.find((known) => known === plain);
}
