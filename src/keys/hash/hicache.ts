import { createHash } from "node:crypto";
import { checkedTokens, type ChunkHasher, type Tokens } from "./chunk-hasher.ts";
import { DigestHasher } from "./digest-hasher.ts";
import { sha256 } from "./digest.ts";
import { namespaceRoot } from "./namespace-root.ts";
import { writeTokens } from "./token-bytes.ts";

// page = SHA-256(prior digest, if there is one ‖ units); a unit is a token as u32 LE, or for EAGLE
// a token and the one after it

export interface HicacheHashOptions {
  /** Units of a page. */
  readonly pageSize: number;
  /** Whether a last page of fewer units counts. Default false: SGLang stores whole pages only. */
  readonly unfull?: boolean;
  /** Pairs of neighbouring tokens as units, as EAGLE needs them. Default false. */
  readonly bigram?: boolean;
  /** Namespace of a LoRA adapter or the like; SGLang since September 2026. */
  readonly extraKey?: string;
  /** Namespace of a tenant; SGLang since September 2026. */
  readonly cacheSalt?: string;
}

/**
 * Page hashes as SGLang's HiCache makes them.
 *
 * @throws KeepwarmError `INPUT_INVALID` for a page size that is none.
 */
export function hicacheHasher(options: HicacheHashOptions): ChunkHasher {
  const { pageSize, unfull = false } = options;
  return new DigestHasher({ chunkSize: pageSize, unfull }, layoutOf(options));
}

/** The digest of a whole prompt as one page, which may have no tokens: SGLang without a page size. */
export function hicachePage(tokens: Tokens, options: Omit<HicacheHashOptions, "pageSize">): Buffer {
  const { length, units, write, root } = layoutOf(options);
  const ids = checkedTokens(tokens);
  const count = units(ids.length);
  const input = Buffer.alloc(length(count));
  const end = write(input, root, ids, 0, count);
  return createHash("sha256").update(input.subarray(0, end)).digest();
}

function layoutOf(options: Omit<HicacheHashOptions, "pageSize">) {
  const { bigram = false } = options;
  const writeUnits = bigram ? writeBigrams : writeSingles;
  return {
    root: hicacheRoot(options),
    digest: sha256.digest,
    width: sha256.bytes,
    length: (units: number) => sha256.bytes + units * (bigram ? 8 : 4),
    units: (tokens: number) => (bigram ? Math.max(0, tokens - 1) : tokens),
    write: (target: Buffer, prior: Buffer, tokens: Uint32Array, from: number, to: number) =>
      writeUnits(target, prior.copy(target), tokens, from, to),
  };
}

/** What the first page is chained to: nothing, or the namespace. */
export function hicacheRoot({
  extraKey,
  cacheSalt,
}: Pick<HicacheHashOptions, "extraKey" | "cacheSalt">): Buffer {
  if (extraKey === undefined && cacheSalt === undefined) return Buffer.alloc(0);
  return namespaceRoot("sglang-cache-namespace-v1", [extraKey, cacheSalt]);
}

/** What KV events of a salted request are chained to. */
export function hicacheEventRoot(cacheSalt: string): Buffer {
  return createHash("sha256").update(`sglang-cache-salt-v1\0${cacheSalt}`).digest();
}

/** The block hash by which KV events name a page: the first 8 bytes of its digest. */
export function hicacheEventHash(digest: Uint8Array): bigint {
  return Buffer.from(digest).readBigInt64BE();
}

function writeSingles(
  target: Buffer,
  start: number,
  tokens: Uint32Array,
  from: number,
  to: number,
): number {
  return writeTokens(target, start, tokens, from, to, "LE");
}

function writeBigrams(
  target: Buffer,
  start: number,
  tokens: Uint32Array,
  from: number,
  to: number,
): number {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  let at = start;
  for (let index = from; index < to; index++) {
    view.setUint32(at, tokens[index], true);
    view.setUint32(at + 4, tokens[index + 1], true);
    at += 8;
  }
  return at;
}
