// LMCache's `lm://` protocol: headers of fixed length, all integers int32 little-endian, no handshake.
//
// Request, then `length` bytes of a PUT's value:
//
//   current (186)  command length format dtype location shape0 shape1 shape2 shape3 key[150]
//   early   (182)  command length format dtype          shape0 shape1 shape2 shape3 key[150]
//   oldest  (158)  command length                                                   key[150]
//
// Reply, then `length` bytes of a value:
//
//   current (36)   code length format dtype shape0 shape1 shape2 shape3 location
//   early   (32)   code length format dtype shape0 shape1 shape2 shape3
//   oldest  (8)    code length
//
// The key is text, padded with spaces. PUT has no reply. What format, dtype and shape mean is the engine's
// business: they are kept and given back as they came.

export const command = { put: 1, get: 2, exist: 3, list: 4, health: 5 } as const;
export type Command = (typeof command)[keyof typeof command];

export const replyCode = { success: 200, fail: 400 } as const;

export const KEY_FIELD_BYTES = 150;

/** The longest value that a header can announce. */
export const MAX_VALUE_BYTES: number = 2 ** 31 - 1;

/**
 * What describes a value, as LMCache's Redis connector stores it beside one (`RemoteMetadata`): length,
 * format, dtype and four sizes. The same seven integers stand in the headers of requests and replies.
 */
export const METADATA_BYTES = 28;

/** Metadata of two groups of layers: dtype and four sizes once more. */
export const TWO_GROUPS_BYTES = 48;

/** Memory formats of bytes without a shape: length 0 and this one cannot come from an engine. */
export const UNDEFINED_FORMAT = 0;
export const BINARY_BUFFER_FORMAT = 5;

/** How one generation of the protocol lays out its headers, in bytes. */
export interface Generation {
  readonly name: "current" | "early" | "oldest";
  readonly requestBytes: number;
  readonly keyAt: number;
  /** Where shape0 is in a request; 0: the generation knows no shapes. */
  readonly shapeAt: number;
  readonly replyBytes: number;
}

export const currentGeneration: Generation = {
  name: "current",
  requestBytes: 186,
  keyAt: 36,
  shapeAt: 20,
  replyBytes: 36,
};

export const earlyGeneration: Generation = {
  name: "early",
  requestBytes: 182,
  keyAt: 32,
  shapeAt: 16,
  replyBytes: 32,
};

export const oldestGeneration: Generation = {
  name: "oldest",
  requestBytes: 158,
  keyAt: 8,
  shapeAt: 0,
  replyBytes: 8,
};

/** The longest request header of all generations. */
export const MAX_REQUEST_BYTES: number = currentGeneration.requestBytes;

/** How many bytes of a request tell its generation. */
export const RECOGNISED_BYTES = 36;

/** No memory format has a number as large as four characters of a key. */
const LARGEST_FORMAT = 0xffff;

/**
 * The generation of a client, from the first {@link RECOGNISED_BYTES} of its first request. Where the
 * oldest has its key, the others have the number of a memory format; where the early one has its key, the
 * current one has a size, and four characters would be one of 500 million at least.
 */
export function recogniseGeneration(header: Buffer): Generation {
  const format = header.readInt32LE(8);
  if (format < 0 || format > LARGEST_FORMAT) return oldestGeneration;
  for (let at = earlyGeneration.keyAt; at < RECOGNISED_BYTES; at++)
    if (header[at] < 0x20) return currentGeneration;
  return earlyGeneration;
}
