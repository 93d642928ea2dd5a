import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { KeepwarmError } from "../../errors.ts";
import { malformed } from "../malformed.ts";

/** zstd as this machine has it. */
export interface Zstd {
  /** "node" runs on libuv's threads, "wasm" on the caller's. */
  readonly origin: "node" | "wasm";
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /** @param length bytes that come out; others are an error */
  decompress(frame: Uint8Array, length: number): Promise<Uint8Array>;
}

/** What node:zlib has from Node 22.15 on; the types of Node 20 do not know it. */
interface ZlibWithZstd {
  readonly zstdCompress?: Convert;
  readonly zstdDecompress?: Convert;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}

type Convert = (
  bytes: Uint8Array,
  options: {
    readonly params?: Record<number, number>;
    readonly maxOutputLength?: number;
    readonly chunkSize?: number;
  },
  callback: (error: Error | null, result: Buffer) => void,
) => void;

/** More effort gains KV data less than a hundredth. */
const level = 1;

const frameMagic = [0x28, 0xb5, 0x2f, 0xfd];
const longestHeader = 18;

let found: Promise<Zstd | undefined> | undefined;

/** node:zlib's zstd, else that of the optional package `@bokuweb/zstd-wasm`, else nothing. */
export function findZstd(): Promise<Zstd | undefined> {
  found ??= Promise.resolve(zstdOfNode()).then((zstd) => zstd ?? zstdOfWasm());
  return found;
}

/** `undefined` before Node 22.15. */
export function zstdOfNode(): Zstd | undefined {
  const { zstdCompress, zstdDecompress, constants } = zlib as unknown as ZlibWithZstd;
  if (zstdCompress === undefined || zstdDecompress === undefined) return undefined;
  const compress = promisify(zstdCompress);
  const decompress = promisify(zstdDecompress);
  const params = { [constants.ZSTD_c_compressionLevel ?? 100]: level };
  return {
    origin: "node",
    compress: (bytes) => compress(bytes, { params, chunkSize: outputMemory(bytes.length) }),
    decompress: (frame, length) =>
      decompress(frame, { maxOutputLength: length, chunkSize: outputMemory(length) }),
  };
}

/** zlib fills memory of this many bytes at a time, by default 16 KiB, and each time costs a turn of a thread. */
export function outputMemory(length: number): number {
  return Math.max(length, 1024);
}

let wasm: Promise<Zstd | undefined> | undefined;

/** `undefined` when the package is not installed. */
export function zstdOfWasm(): Promise<Zstd | undefined> {
  // Its memory is one for the process, and a second init() leaves it broken.
  wasm ??= loadWasm();
  return wasm;
}

async function loadWasm(): Promise<Zstd | undefined> {
  const wasm = await import("@bokuweb/zstd-wasm").catch(() => undefined);
  if (wasm === undefined) return undefined;
  await wasm.init();
  return {
    origin: "wasm",
    async compress(bytes) {
      const frame = wasm.compress(bytes, level);
      // What it gives after somebody else's init() are zeros.
      if (frameMagic.every((byte, index) => frame[index] === byte)) return frame;
      throw new KeepwarmError("UNSUPPORTED", "@bokuweb/zstd-wasm was initialised a second time", {
        remedy: "Leave init() of it to Keepwarm, or use Node 22.15 or newer, which needs no wasm.",
      });
    },
    async decompress(frame, length) {
      // It allocates what the frame claims, so that has to be looked at first.
      const claimed = contentBytes(frame);
      if (claimed !== undefined && claimed !== length)
        throw malformed("a zstd frame announces another length");
      return wasm.decompress(frame, { defaultHeapSize: length });
    },
  };
}

/** The length that the header of a zstd frame announces; `undefined` when it says none (RFC 8878, 3.1.1.1). */
function contentBytes(frame: Uint8Array): number | undefined {
  const header = new Uint8Array(longestHeader);
  header.set(frame.subarray(0, longestHeader));
  const view = new DataView(header.buffer);
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (singleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3];
  switch (descriptor >> 6) {
    case 0:
      return singleSegment ? view.getUint8(at) : undefined;
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}
