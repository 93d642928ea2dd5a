import { KeepwarmError } from "../../errors.ts";
import type { ChunkHasher } from "../../keys/hash/chunk-hasher.ts";
import { hicacheHasher } from "../../keys/hash/hicache.ts";
import {
  lmcacheHasher,
  lmcacheHashes,
  lmcacheMpHasher,
  lmcacheMpHashes,
  lmcacheReleases,
} from "../../keys/hash/lmcache.ts";
import { nativeHasher } from "../../keys/hash/native.ts";
import { parseCount } from "../parse.ts";
import { oneOf, type HashedFamily, type KeysFlags } from "./flags.ts";

interface NamedHasher {
  readonly hasher: ChunkHasher;
  /** Name of the hash algorithm. */
  readonly hash: string;
}

/** @throws KeepwarmError `INPUT_INVALID` for flags that name no chain. */
export async function hasherOf(family: HashedFamily, flags: KeysFlags): Promise<NamedHasher> {
  const unfull = flags.saveUnfullChunk ?? false;
  const chunkSize = parseCount(flags.chunkSize ?? "256", "--chunk-size", 1);
  const namespace = {
    ...(flags.extraKey !== undefined && { extraKey: flags.extraKey }),
    ...(flags.cacheSalt !== undefined && { cacheSalt: flags.cacheSalt }),
  };
  const engines = {
    ...(flags.seed !== undefined && { seed: flags.seed }),
    ...(flags.python !== undefined && { pythonMinor: parseMinor(flags.python) }),
  };
  switch (family) {
    case "lmcache": {
      const hash = oneOf("--hash", alias(flags.hash ?? "builtin"), lmcacheHashes);
      const release = oneOf("--release", flags.release ?? "0.4.6", lmcacheReleases);
      return {
        hash,
        hasher: await lmcacheHasher({ hash, release, chunkSize, unfull, ...engines }),
      };
    }
    case "lmcache-mp": {
      const hash = oneOf("--hash", alias(flags.hash ?? "blake3"), lmcacheMpHashes);
      return { hash, hasher: await lmcacheMpHasher({ hash, chunkSize, ...engines }) };
    }
    case "hicache": {
      const pageSize = parsePageSize(flags.pageSize);
      const { bigram = false } = flags;
      return { hash: "sha256", hasher: hicacheHasher({ pageSize, unfull, bigram, ...namespace }) };
    }
    default:
      return { hash: "sha256", hasher: nativeHasher({ chunkSize, unfull, ...namespace }) };
  }
}

/** The older name of a hash, which LMCache takes for the same. */
function alias(hash: string): string {
  return hash === "sha256_cbor_64bit" ? "sha256_cbor" : hash;
}

function parsePageSize(text: string | undefined): number {
  if (text !== undefined) return parseCount(text, "--page-size", 1);
  throw new KeepwarmError("INPUT_INVALID", "--page-size is missing", {
    remedy: "Write the --page-size that SGLang runs with.",
  });
}

function parseMinor(text: string): number {
  const match = /^3\.(\d{1,2})(?:\.\d+)?$/.exec(text);
  if (match && Number(match[1]) >= 8) return Number(match[1]);
  throw new KeepwarmError("INPUT_INVALID", `--python ${JSON.stringify(text)} is no version`, {
    remedy: "Write a version from 3.8, such as 3.12.",
  });
}
