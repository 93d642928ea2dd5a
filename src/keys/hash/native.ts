import type { ChunkHasher, ChunkOptions } from "./chunk-hasher.ts";
import { DigestHasher } from "./digest-hasher.ts";
import { sha256 } from "./digest.ts";
import { namespaceRoot } from "./namespace-root.ts";
import { writeTokens } from "./token-bytes.ts";

// root  = SHA-256("keepwarm-chain-v1" ‖ chunk size as u32 LE ‖ extra key ‖ salt)
//         extra key, salt: 00 if absent, else 01 ‖ length as u64 LE ‖ UTF-8
// chunk = SHA-256(root or the chunk before ‖ tokens as u32 LE)
//
// A key carries all 32 bytes in hex. Model, ranks and dtype stand in the key and not in the hash.

export interface NativeHashOptions extends ChunkOptions {
  /** What else the values depend on, such as the name of a LoRA adapter. */
  readonly extraKey?: string;
  /** Keeps tenants apart. */
  readonly cacheSalt?: string;
}

/**
 * Chunk hashes of Keepwarm's own keys.
 *
 * @throws KeepwarmError `INPUT_INVALID` for a chunk size that is none.
 */
export function nativeHasher(options: NativeHashOptions): ChunkHasher {
  const label = Buffer.from("keepwarm-chain-v1\0\0\0\0");
  label.writeUInt32LE(options.chunkSize >>> 0, label.length - 4);
  return new DigestHasher(options, {
    root: namespaceRoot(label, [options.extraKey, options.cacheSalt]),
    digest: sha256.digest,
    width: sha256.bytes,
    length: (tokens) => sha256.bytes + tokens * 4,
    write: (target, prior, tokens, from, to) =>
      writeTokens(target, prior.copy(target), tokens, from, to, "LE"),
  });
}
