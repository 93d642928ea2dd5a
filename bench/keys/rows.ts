import type { ChunkHasher } from "../../src/keys/hash/chunk-hasher.ts";
import { hicacheHasher } from "../../src/keys/hash/hicache.ts";
import { lmcacheHasher, lmcacheHashes, lmcacheMpHasher } from "../../src/keys/hash/lmcache.ts";
import { nativeHasher } from "../../src/keys/hash/native.ts";

/** Seed of both sides. */
export const seed = "0";
export const chunkSize = 256;

export interface Row {
  readonly name: string;
  readonly hasher: ChunkHasher;
  /** What LMCache does the same with, if it does. */
  readonly peer?: { readonly mode: "in process" | "MP"; readonly hash: string };
}

/** Everything that is measured. */
export async function makeRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const hash of lmcacheHashes) {
    const hasher = await lmcacheHasher({ hash, chunkSize, seed });
    rows.push({ name: `LMCache ${hash}`, hasher, peer: { mode: "in process", hash } });
  }
  for (const hash of ["blake3", "sha256_cbor"] as const) {
    const hasher = await lmcacheMpHasher({ hash, chunkSize, seed });
    rows.push({ name: `LMCache MP ${hash}`, hasher, peer: { mode: "MP", hash } });
  }
  rows.push(
    { name: "HiCache, pages of 64", hasher: hicacheHasher({ pageSize: 64 }) },
    { name: "HiCache, pages of 64 bigrams", hasher: hicacheHasher({ pageSize: 64, bigram: true }) },
    { name: "HiCache, pages of 1", hasher: hicacheHasher({ pageSize: 1 }) },
    { name: "native", hasher: nativeHasher({ chunkSize }) },
  );
  return rows;
}
