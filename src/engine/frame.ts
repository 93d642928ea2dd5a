import { Xxh64, xxh64 } from "@node-rs/xxhash";
import type { ChunkValue } from "./types.ts";

// What a store keeps for a piece of a prompt, little-endian:
//
//   0  "KWKV"     4  u8 version, 1     5  u8 kind: 0 chunk, 1 tails     6  reserved, 0
//   8  u64 xxh64, seed 0, of all that follows
//  16  u32 tokens of the chunk         20  reserved, 0
//  24  u64 bytes of the value
//  32  the hash of the prompt up to the chunk's end, 32 bytes
//  64  the value

const magic = Buffer.from("KWKV");
const version = 1;
const checksumAt = 8;
const checkedFrom = 16;

/** Bytes before a value. */
export const FRAME_BYTES = 64;

/** What a value is of. */
export interface FrameOf {
  readonly kind: "chunk" | "tails";
  readonly digest: Uint8Array;
  /** Tokens of the chunk; 0 for tails. */
  readonly tokens: number;
}

const kinds = { chunk: 0, tails: 1 } as const;

/** The frame and the value's parts, that follow each other in the store. */
export function framed(of: FrameOf, value: ChunkValue): Uint8Array[] {
  const parts = partsOf(value);
  const frame = headerOf(of, bytesOf(value));
  const hash = new Xxh64().update(frame.subarray(checkedFrom));
  for (const part of parts) hash.update(part);
  frame.writeBigUInt64LE(hash.digest(), checksumAt);
  return [frame, ...parts];
}

/** The value within `bytes`, a view; nothing when it is not whole, not sound, or of something else. */
export function openFrame(of: FrameOf, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < FRAME_BYTES) return undefined;
  const wanted = headerOf(of, bytes.length - FRAME_BYTES);
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, FRAME_BYTES);
  const same =
    frame.compare(wanted, 0, checksumAt, 0, checksumAt) === 0 &&
    frame.compare(wanted, checkedFrom, FRAME_BYTES, checkedFrom, FRAME_BYTES) === 0;
  if (!same || xxh64(bytes.subarray(checkedFrom)) !== frame.readBigUInt64LE(checksumAt))
    return undefined;
  return bytes.subarray(FRAME_BYTES);
}

function partsOf(value: ChunkValue): readonly Uint8Array[] {
  return value instanceof Uint8Array ? [value] : value;
}

export function bytesOf(value: ChunkValue): number {
  return partsOf(value).reduce((sum, part) => sum + part.length, 0);
}

function headerOf({ kind, digest, tokens }: FrameOf, bytes: number): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  magic.copy(frame);
  frame[4] = version;
  frame[5] = kinds[kind];
  frame.writeUInt32LE(tokens, 16);
  frame.writeBigUInt64LE(BigInt(bytes), 24);
  frame.set(digest, 32);
  return frame;
}
