import {
  BINARY_BUFFER_FORMAT,
  type Generation,
  METADATA_BYTES,
  currentGeneration,
  replyCode,
} from "./header.ts";

/** Format and dtype of replies without a value, as LMCache's server sends them: KV_2LTD, float16. */
const NO_VALUE = { format: 1, dtype: 2 } as const;

/**
 * Writes the header of a reply with a value and returns its length.
 *
 * @param metadata - where `metadata[from, from + METADATA_BYTES)` describes the value
 */
export function writeHit(
  target: Buffer,
  generation: Generation,
  metadata: Buffer,
  from: number,
): number {
  target.fill(0, 0, currentGeneration.replyBytes);
  target.writeInt32LE(replyCode.success, 0);
  metadata.copy(target, 4, from, from + METADATA_BYTES);
  return generation.replyBytes;
}

/** Writes the header of a reply with `length` bytes of no dtype and shape, and returns its length. */
export function writeBytes(target: Buffer, generation: Generation, length: number): number {
  writePlain(target, replyCode.success, length);
  target.writeInt32LE(BINARY_BUFFER_FORMAT, 8);
  target.writeInt32LE(0, 12);
  target.writeInt32LE(length, 16);
  return generation.replyBytes;
}

/** Writes the header of a reply that is only a yes or no, and returns its length. */
export function writeAnswer(target: Buffer, generation: Generation, yes: boolean): number {
  writePlain(target, yes ? replyCode.success : replyCode.fail, 0);
  return generation.replyBytes;
}

function writePlain(target: Buffer, code: number, length: number): void {
  target.fill(0, 0, currentGeneration.replyBytes);
  target.writeInt32LE(code, 0);
  target.writeInt32LE(length, 4);
  target.writeInt32LE(NO_VALUE.format, 8);
  target.writeInt32LE(NO_VALUE.dtype, 12);
}
