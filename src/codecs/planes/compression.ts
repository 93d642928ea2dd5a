import { promisify } from "node:util";
import { deflateRaw, inflateRaw, type ZlibOptions } from "node:zlib";
import { KeepwarmError, isKeepwarmError } from "../../errors.ts";
import { malformed } from "../malformed.ts";
import { findZstd, outputMemory } from "./zstd.ts";

/** How a piece is stored. */
export const methods = { raw: 0, zstd: 1, deflate: 2 } as const;

const compressDeflate = promisify<Uint8Array, ZlibOptions, Buffer>(deflateRaw);
const decompressDeflate = promisify<Uint8Array, ZlibOptions, Buffer>(inflateRaw);

/** Compresses pieces one way. */
export interface Compressor {
  readonly method: number;
  compress(bytes: Uint8Array): Promise<Uint8Array>;
}

export const deflateCompressor: Compressor = {
  method: methods.deflate,
  compress: (bytes) => compressDeflate(bytes, { level: 1, chunkSize: outputMemory(bytes.length) }),
};

/** zstd where it can be had, else deflate. */
export async function bestCompressor(): Promise<Compressor> {
  const zstd = await findZstd();
  return zstd === undefined
    ? deflateCompressor
    : { method: methods.zstd, compress: (bytes) => zstd.compress(bytes) };
}

/**
 * The `length` bytes of a piece, which for a raw one are itself.
 *
 * @throws KeepwarmError `INPUT_INVALID` when it is damaged, `UNSUPPORTED` without zstd.
 */
export async function decompress(
  method: number,
  piece: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  const bytes = method === methods.raw ? piece : await unpack(method, piece, length);
  if (bytes.length !== length) throw malformed("a piece has not its length");
  return bytes;
}

async function unpack(method: number, piece: Uint8Array, length: number): Promise<Uint8Array> {
  try {
    if (method === methods.deflate)
      return await decompressDeflate(piece, {
        maxOutputLength: length,
        chunkSize: outputMemory(length),
      });
    if (method !== methods.zstd) throw malformed(`a piece is compressed in a way ${method}`);
    const zstd = await findZstd();
    if (zstd !== undefined) return await zstd.decompress(piece, length);
  } catch (error) {
    throw isKeepwarmError(error) ? error : malformed("a piece is damaged", error);
  }
  throw new KeepwarmError("UNSUPPORTED", "a block is compressed with zstd, which is not here", {
    remedy: "Use Node 22.15 or newer, or install @bokuweb/zstd-wasm.",
  });
}
