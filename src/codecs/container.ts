import { crc32 } from "node:zlib";
import { xxh64 } from "@node-rs/xxhash";
import { KeepwarmError } from "../errors.ts";
import { dtypeOf, dtypes } from "./dtypes.ts";
import { malformed } from "./malformed.ts";
import { memoryFormatOf, memoryFormats, type Tensor, tensorBytes } from "./tensor.ts";

// An encoded block. All numbers are little-endian.
//
//    0  89 "KWC" CR LF 1A LF   as PNG begins: no text, no tensor, no pickle begins so
//    8  u8 version, 1
//    9  u8 codec               0 naive, 1 zstd-planes, 2 fp8, 3 cachegen
//   10  u8 element type        LMCache's number: 0 bytes, 2 float16, 3 bfloat16, 4 float32, 5 float64,
//                              6 uint8, 7 float8_e4m3fn, 8 float8_e5m2
//   11  u8 memory format       LMCache's number: 1 KV_2LTD, 2 KV_T2D, 3 KV_2TD, 5 BINARY, 6 KV_MLA_FMT
//   12  4 x u32 shape          dimensions in the order of the format, then zeros; all zero for BINARY
//   28  u32 CRC-32             of the whole container but itself
//   32  u64 length of the original
//   40  u64 length of the payload
//   48  u64 xxh64 of the original, seed 0; 0 when the codec is lossy
//   56  the payload, whose form is the codec's

const magic = Buffer.from("894b57430d0a1a0a", "hex");
const version = 1;
const checksumAt = 28;
const mostDimensions = 4;

/** Bytes before the payload. */
export const CONTAINER_HEADER_BYTES = 56;

/** What stands in front of a payload. */
export interface ContainerHeader {
  /** The codec's number in `codecIds`; may be one that this version does not know. */
  readonly codecId: number;
  readonly tensor: Tensor;
  /** Bytes of the decoded block. */
  readonly originalBytes: number;
  /** xxh64 of the decoded block; 0 when the codec is lossy. */
  readonly originalHash: bigint;
}

/** Whether `bytes` begin as a container does, sound or not. */
export function isContainer(bytes: Uint8Array): boolean {
  return bytes.length >= magic.length && magic.equals(bytes.subarray(0, magic.length));
}

/** The first bytes of a container whose payload comes in `parts`. */
export function headerOf(header: ContainerHeader, parts: readonly Uint8Array[]): Buffer {
  const { codecId, tensor, originalBytes, originalHash } = header;
  const bytes = Buffer.alloc(CONTAINER_HEADER_BYTES);
  magic.copy(bytes);
  bytes[8] = version;
  bytes[9] = codecId;
  bytes[10] = dtypes[tensor.dtype].code;
  bytes[11] = memoryFormats[tensor.format];
  if (tensor.format !== "BINARY")
    for (const [axis, size] of tensor.shape.entries()) bytes.writeUInt32LE(size, 12 + 4 * axis);
  bytes.writeBigUInt64LE(BigInt(originalBytes), 32);
  bytes.writeBigUInt64LE(BigInt(parts.reduce((sum, part) => sum + part.length, 0)), 40);
  bytes.writeBigUInt64LE(originalHash, 48);
  bytes.writeUInt32LE(checksum(bytes, parts), checksumAt);
  return bytes;
}

/**
 * What the header says, so that memory for the block can be had. The payload is not looked at.
 *
 * @throws KeepwarmError `INPUT_INVALID` when the container is not whole or contradicts itself,
 *   `UNSUPPORTED` when it is of another version.
 */
export function readHeader(container: Uint8Array): ContainerHeader {
  if (!isContainer(container)) throw malformed("it does not begin as a container");
  if (container.length < CONTAINER_HEADER_BYTES) throw malformed("its header is cut off");
  const bytes = asBuffer(container);
  if (bytes[8] !== version)
    throw new KeepwarmError("UNSUPPORTED", `an encoded block is of version ${bytes[8]}`, {
      remedy: `This version reads ${version}; use the one that wrote it, or a later one.`,
    });
  const payloadBytes = bytes.readBigUInt64LE(40);
  if (payloadBytes !== BigInt(bytes.length - CONTAINER_HEADER_BYTES))
    throw malformed(`it announces ${payloadBytes} bytes of payload and has others`);
  const dtype = dtypeOf(bytes[10]);
  const format = memoryFormatOf(bytes[11]);
  if (dtype === undefined) throw malformed(`its element type ${bytes[10]} is not known`);
  if (format === undefined) throw malformed(`its memory format ${bytes[11]} is not known`);
  const originalBytes = Number(bytes.readBigUInt64LE(32));
  const tensor = { dtype, format, shape: shapeIn(bytes, format, originalBytes, dtype) };
  if (tensorBytes(tensor) !== originalBytes)
    throw malformed(`its shape ${tensor.shape.join("x")} is not one of ${originalBytes} bytes`);
  return { codecId: bytes[9], tensor, originalBytes, originalHash: bytes.readBigUInt64LE(48) };
}

/**
 * The payload, a view.
 *
 * @throws KeepwarmError `INPUT_INVALID` when the container is damaged.
 */
export function checkedPayload(container: Uint8Array): Uint8Array {
  const header = asBuffer(container.subarray(0, CONTAINER_HEADER_BYTES));
  const payload = container.subarray(CONTAINER_HEADER_BYTES);
  if (header.readUInt32LE(checksumAt) !== checksum(header, [payload]))
    throw malformed("its checksum does not fit");
  return payload;
}

/** What a container of a lossless codec keeps to check the decoded block with. */
export function hashOf(bytes: Uint8Array): bigint {
  return xxh64(bytes);
}

function shapeIn(
  bytes: Buffer,
  format: Tensor["format"],
  originalBytes: number,
  dtype: Tensor["dtype"],
): number[] {
  if (format === "BINARY") return [originalBytes / dtypes[dtype].bytes];
  const sizes = Array.from({ length: mostDimensions }, (_, axis) =>
    bytes.readUInt32LE(12 + 4 * axis),
  );
  return format === "KV_T2D" || format === "KV_2TD" ? sizes.slice(0, 3) : sizes;
}

function checksum(header: Uint8Array, parts: readonly Uint8Array[]): number {
  let sum = crc32(header.subarray(0, checksumAt));
  sum = crc32(header.subarray(checksumAt + 4), sum);
  // zlib takes empty memory without an address for "begin anew".
  for (const part of parts) if (part.length > 0) sum = crc32(part, sum);
  return sum;
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
