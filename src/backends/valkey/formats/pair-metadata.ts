/** One group of layers, as LMCache describes it. */
export interface PairGroup {
  /** LMCache's number of the element type: 2 float16, 3 bfloat16, 4 float32, 6 uint8, 7 and 8 FP8. */
  readonly dtype: number;
  /** Up to four dimensions; what is missing is written as 0. */
  readonly shape: readonly number[];
}

/** What LMCache's `metadata` value says of the `kv_bytes` value beside it. */
export interface PairMetadata {
  /** LMCache's number of the memory format: 1 KV_2LTD, 2 KV_T2D, 3 KV_2TD, 5 bytes, 6 KV_MLA_FMT. */
  readonly format: number;
  readonly groups: readonly PairGroup[];
}

const bytesFormat = 5;
const dimensions = 4;
const groupBytes = 4 * (1 + dimensions);

/** Bytes of no particular shape. */
export function describeBytes(bytes: number): PairMetadata {
  return { format: bytesFormat, groups: [{ dtype: 0, shape: [bytes] }] };
}

/**
 * `int32` little-endian: length, format, and for each group dtype and four dimensions; 28 bytes for
 * one group, as all generations of LMCache write it.
 */
export function encodePairMetadata(length: number, { format, groups }: PairMetadata): Buffer {
  const bytes = Buffer.alloc(8 + groupBytes * groups.length);
  bytes.writeInt32LE(length, 0);
  bytes.writeInt32LE(format, 4);
  for (const [index, { dtype, shape }] of groups.entries()) {
    if (shape.length > dimensions)
      throw new TypeError(`LMCache's metadata has room for ${dimensions} dimensions`);
    const at = 8 + groupBytes * index;
    bytes.writeInt32LE(dtype, at);
    for (const [axis, size] of shape.entries()) bytes.writeInt32LE(size, at + 4 * (axis + 1));
  }
  return bytes;
}

/** The length that a metadata value claims for its other half; nothing when it is no metadata. */
export function pairLength(metadata: Buffer): number | undefined {
  if (metadata.length < 8 + groupBytes) return undefined;
  const length = metadata.readInt32LE(0);
  return length >= 0 ? length : undefined;
}
