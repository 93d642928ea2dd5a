import type { PairMetadata } from "./pair-metadata.ts";

/**
 * How blocks lie on the server.
 *
 * - `native` (default): one key; the value carries its key, length and checksum, and what fails the
 *   check is a miss.
 * - `raw`, `lmcache-raw`: one key, the block's bytes as they are; what LMCache's `resp://` and newer
 *   `valkey://` connectors and its MP adapters read and write.
 * - `hicache`: raw values under the key prefix of SGLang HiCache's Valkey backend.
 * - `lmcache-pair`: two keys a block, as LMCache's `redis://` and older `valkey://` connectors.
 */
export type ValkeyFormat =
  "native" | "raw" | "lmcache-raw" | "lmcache-pair" | HicacheFormat | LmcachePairFormat;

export interface HicacheFormat {
  readonly name: "hicache";
  /** The model's name; `/` becomes `-`, nothing becomes `default`. */
  readonly model?: string | undefined;
  /** This rank among the tensor-parallel ones. Default 0. */
  readonly rank?: number;
  /** Tensor-parallel ranks. Default 1. */
  readonly worldSize?: number;
  /** Multi-head latent attention: all ranks hold the same bytes and share the keys. Default false. */
  readonly mla?: boolean;
}

/**
 * Which keys: `redis` (default) `<key>kv_bytes` and `<key>metadata`; `valkey` the same with `:`
 * before the ending; `valkey-cluster` with `{<key>}` before that.
 */
export type PairGeneration = "redis" | "valkey" | "valkey-cluster";

export interface LmcachePairFormat {
  readonly name: "lmcache-pair";
  readonly generation?: PairGeneration;
  /**
   * What the metadata value shall say of a block. Default: bytes of no particular shape, as LMCache
   * writes what CacheGen compressed.
   */
  readonly describe?: (key: Uint8Array, bytes: number) => PairMetadata;
}
