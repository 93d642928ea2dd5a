import { KeepwarmError } from "../../errors.ts";
import { BuiltinHasher } from "./builtin-hasher.ts";
import { cborLength, writeCbor } from "./cbor.ts";
import type { ChunkHasher, ChunkOptions } from "./chunk-hasher.ts";
import { DigestHasher } from "./digest-hasher.ts";
import { loadBlake3, loadXxh3, sha256, type DigestKind } from "./digest.ts";
import { spellSigned, spellUnsigned } from "./hash-chain.ts";
import { builtinRoot, digestRoot } from "./lmcache-roots.ts";
import { pickleLength, writePickle } from "./pickle.ts";
import { writeTokens } from "./token-bytes.ts";
import { hashOfInteger, hashOfNone, TupleHash } from "./tuple-hash.ts";

/** Values of `pre_caching_hash_algorithm`. What vLLM does not know, LMCache hashes as `builtin`. */
export const lmcacheHashes = ["builtin", "sha256", "sha256_cbor", "xxhash", "xxhash_cbor"] as const;

/** Values of `--hash-algorithm` of LMCache's server. */
export const lmcacheMpHashes = ["blake3", ...lmcacheHashes] as const;

export type LmcacheHash = (typeof lmcacheHashes)[number];
export type LmcacheMpHash = (typeof lmcacheMpHashes)[number];

/**
 * Releases of LMCache that chain differently; each stands for those up to the next.
 *
 * | release | hashed | digests |
 * | --- | --- | --- |
 * | `0.3` | (prior, tokens, None) | whole |
 * | `0.4` | (prior, tokens, ()) | whole |
 * | `0.4.6` | (prior, tokens, ()) | the first 8 bytes, as an integer |
 */
export const lmcacheReleases = ["0.3", "0.4", "0.4.6"] as const;

export type LmcacheRelease = (typeof lmcacheReleases)[number];

interface SharedOptions {
  /**
   * PYTHONHASHSEED of the engines, as text. Without it `builtin` begins as LMCache without vLLM does,
   * `sha256` and `sha256_cbor` as vLLM 0.33 does; the others need it.
   */
  readonly seed?: string;
  /** NONE_HASH itself, where it is known: 8 bytes of an integer, or a digest. */
  readonly noneHash?: Uint8Array;
  /** Minor version of the engines' CPython 3. Default 12. */
  readonly pythonMinor?: number;
}

export interface LmcacheHashOptions extends ChunkOptions, SharedOptions {
  readonly hash: LmcacheHash;
  /** Default `0.4.6`. */
  readonly release?: LmcacheRelease;
}

export interface LmcacheMpHashOptions extends SharedOptions {
  readonly chunkSize: number;
  readonly hash: LmcacheMpHash;
}

type Extra = "tuple" | "none";

/**
 * Chunk hashes as LMCache's in-process mode makes them (`ChunkedTokenDatabase`).
 *
 * @throws KeepwarmError `INPUT_INVALID` for options that name no reproducible chain.
 */
export async function lmcacheHasher(options: LmcacheHashOptions): Promise<ChunkHasher> {
  const { hash, release = "0.4.6" } = options;
  const extra = release === "0.3" ? "none" : "tuple";
  if (hash === "builtin") {
    const root =
      options.noneHash === undefined ? rootOfBuiltin(options, 0n) : integer(options.noneHash);
    return new BuiltinHasher(options, root, hashOfExtra(extra, options), spellSigned);
  }
  const kind = await digestKind(hash);
  const folded = release === "0.4.6";
  const root = options.noneHash ?? rootOfDigest(kind, hash, options.seed);
  return new DigestHasher(options, {
    ...pythonLayout(hash, extra),
    digest: kind.digest,
    root: folded ? root.subarray(0, 8) : root,
    width: folded ? 8 : kind.bytes,
    ...(folded && { spell: spellUnsigned }),
  });
}

/**
 * Chunk hashes as LMCache's server makes them (`TokenHasher`). A last chunk of fewer tokens never
 * counts.
 *
 * @throws KeepwarmError `INPUT_INVALID` for options that name no reproducible chain.
 */
export async function lmcacheMpHasher(options: LmcacheMpHashOptions): Promise<ChunkHasher> {
  const { hash, chunkSize } = options;
  if (hash === "builtin") {
    const none = hashOfExtra("none", options);
    const tuple = new TupleHash();
    const zeros = tuple.ofTokens(new Uint32Array(1), 0, 1);
    const root =
      options.noneHash === undefined
        ? rootOfBuiltin(options, tuple.ofLanes(0n, zeros, none))
        : integer(options.noneHash);
    return new BuiltinHasher({ chunkSize }, root, none);
  }
  if (hash === "blake3") return blake3Hasher(options);
  const kind = await digestKind(hash);
  return new DigestHasher(
    { chunkSize },
    {
      ...pythonLayout(hash, "none"),
      digest: kind.digest,
      root: options.noneHash ?? rootOfDigest(kind, hash, options.seed),
      width: kind.bytes,
    },
  );
}

/** BLAKE3 of the prior digest and the tokens, most significant byte first. */
async function blake3Hasher({ chunkSize, noneHash }: LmcacheMpHashOptions): Promise<ChunkHasher> {
  const { digest, bytes } = await loadBlake3();
  const root = Buffer.alloc(bytes);
  digest(Buffer.alloc(12), root, 0, bytes);
  return new DigestHasher(
    { chunkSize },
    {
      root: noneHash ?? root,
      digest,
      width: bytes,
      length: (tokens) => bytes + tokens * 4,
      write: (target, prior, tokens, from, to) =>
        writeTokens(target, prior.copy(target), tokens, from, to, "BE"),
    },
  );
}

function pythonLayout(hash: LmcacheHash, extra: Extra) {
  const [length, write] =
    formOf(hash) === "cbor" ? [cborLength, writeCbor] : [pickleLength, writePickle];
  return {
    length,
    write: (target: Buffer, prior: Buffer, tokens: Uint32Array, from: number, to: number) =>
      write(target, prior, tokens, from, to, extra),
  };
}

function formOf(hash: LmcacheHash): "cbor" | "pickle" {
  return hash.endsWith("_cbor") ? "cbor" : "pickle";
}

async function digestKind(hash: LmcacheHash): Promise<DigestKind> {
  return hash.startsWith("sha256") ? sha256 : loadXxh3();
}

function rootOfDigest(kind: DigestKind, hash: LmcacheHash, seed: string | undefined): Buffer {
  return digestRoot(kind, formOf(hash), seed, hash);
}

function rootOfBuiltin({ seed, pythonMinor = 12 }: SharedOptions, without: bigint): bigint {
  return seed === undefined ? without : builtinRoot(seed, pythonMinor);
}

function hashOfExtra(extra: Extra, { pythonMinor = 12 }: SharedOptions): bigint {
  if (extra === "tuple") return new TupleHash().ofLanes();
  if (pythonMinor >= 12) return hashOfNone;
  throw new KeepwarmError(
    "INPUT_INVALID",
    `builtin hashes None here, which is another number in each process of Python 3.${pythonMinor}`,
    { remedy: "Only engines with Python 3.12 or newer make such keys again." },
  );
}

function integer(noneHash: Uint8Array): bigint {
  return hashOfInteger(Buffer.from(noneHash).readBigInt64BE());
}
