import { type Codec, lossless } from "../codec.ts";
import { dtypes } from "../dtypes.ts";
import { malformed } from "../malformed.ts";
import { TimeSlices } from "../time-slices.ts";
import { putPlane, takePlane } from "./byte-planes.ts";
import { type Compressor, bestCompressor, decompress, methods } from "./compression.ts";

// Payload, all numbers little-endian:
//
//   u32 elements in a chunk, 1 MiB; the last chunk may have fewer
//   u32 length of each piece, for each chunk, for each plane
//   u8  way of each piece: 0 as it is, 1 zstd, 2 deflate without header
//   the pieces in the same order: byte 0 of each element of the chunk, then byte 1, and so on
//
// The upper bytes of KV elements, sign and exponent, are few different ones; the lower are noise, and stay as
// they are.

const chunkElements = 1024 ** 2;
const probeBytes = 16 * 1024;
/** What has to go for a piece to be worth its decoding. */
const leastSaved = 0.02;

export function planesCodecWith(compressorOf: () => Promise<Compressor>): Codec {
  return {
    name: "zstd-planes",
    lossless: true,
    errorBound: () => lossless,

    async encode(bytes, tensor, { signal } = {}) {
      const size = dtypes[tensor.dtype].bytes;
      const elements = bytes.length / size;
      const compressor = await compressorOf();
      const slices = new TimeSlices(signal);
      const pieces: Uint8Array[] = [];
      const ways: number[] = [];
      for (let from = 0; from < elements; from += chunkElements)
        for (let plane = 0; plane < size; plane++) {
          const piece = Buffer.allocUnsafeSlow(Math.min(chunkElements, elements - from));
          takePlane(bytes, from * size, size, plane, piece);
          const packed = await compressed(piece, compressor);
          pieces.push(packed ?? piece);
          ways.push(packed === undefined ? methods.raw : compressor.method);
          if (slices.over) await slices.giveWay();
        }
      const head = Buffer.alloc(4 + 5 * pieces.length);
      head.writeUInt32LE(chunkElements, 0);
      for (const [index, piece] of pieces.entries())
        head.writeUInt32LE(piece.length, 4 + 4 * index);
      head.set(ways, 4 + 4 * pieces.length);
      return [head, ...pieces];
    },

    async decode(payload, tensor, into, { signal } = {}) {
      const size = dtypes[tensor.dtype].bytes;
      const elements = into.length / size;
      const pieces = Math.ceil(elements / chunkElements) * size;
      let at = 4 + 5 * pieces;
      if (payload.length < at) throw malformed("its payload is cut off");
      const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
      if (view.getUint32(0, true) !== chunkElements)
        throw malformed(`its chunks are not of ${chunkElements} elements`);
      const slices = new TimeSlices(signal);
      for (let index = 0; index < pieces; index++) {
        const length = view.getUint32(4 + 4 * index, true);
        if (length > payload.length - at) throw malformed("a piece reaches beyond its end");
        const from = Math.floor(index / size) * chunkElements;
        const way = view.getUint8(4 + 4 * pieces + index);
        const plane = await decompress(
          way,
          payload.subarray(at, at + length),
          Math.min(chunkElements, elements - from),
        );
        putPlane(plane, into, from * size, size, index % size);
        at += length;
        if (slices.over) await slices.giveWay();
      }
      if (at !== payload.length) throw malformed("bytes follow its last piece");
    },
  };
}

export const planesCodec: Codec = planesCodecWith(bestCompressor);

/** The piece made smaller; `undefined` when that would not save enough. A part of it tells most of the time. */
async function compressed(
  piece: Uint8Array,
  compressor: Compressor,
): Promise<Uint8Array | undefined> {
  if (piece.length >= 4 * probeBytes) {
    const middle = piece.length >> 1;
    const probe = await compressor.compress(piece.subarray(middle, middle + probeBytes));
    if (probe.length > (1 - leastSaved) * probeBytes) return undefined;
  }
  const packed = await compressor.compress(piece);
  return packed.length > (1 - leastSaved) * piece.length ? undefined : packed;
}
