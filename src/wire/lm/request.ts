import {
  BINARY_BUFFER_FORMAT,
  type Command,
  type Generation,
  KEY_FIELD_BYTES,
  MAX_REQUEST_BYTES,
  METADATA_BYTES,
  currentGeneration,
} from "./header.ts";

/** The header of a request. The decoder's own one: valid until the next request. */
export class Request {
  readonly bytes: Buffer = Buffer.alloc(MAX_REQUEST_BYTES);
  generation: Generation = currentGeneration;
  /** Where the key lies in {@link bytes}, without the spaces around it. */
  keyStart = 0;
  keyEnd = 0;

  /** May be none of the known ones. */
  get command(): number {
    return this.bytes.readInt32LE(0);
  }

  /** Bytes of the value that follows a PUT. */
  get length(): number {
    return this.bytes.readInt32LE(4);
  }

  get key(): Buffer {
    return this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  /** The format of the value; `undefined` where the generation knows none. */
  get format(): number | undefined {
    return this.generation.shapeAt === 0 ? undefined : this.bytes.readInt32LE(8);
  }

  /** Finds the key, once the header is whole. */
  parseKey(): void {
    const { bytes } = this;
    let start = this.generation.keyAt;
    let end = start + KEY_FIELD_BYTES;
    while (end > start && isSpace(bytes[end - 1])) end--;
    while (start < end && isSpace(bytes[start])) start++;
    this.keyStart = start;
    this.keyEnd = end;
  }

  /** Writes the {@link METADATA_BYTES} that describe the value. */
  copyMetadata(target: Buffer, at: number): void {
    const { bytes } = this;
    const { shapeAt } = this.generation;
    if (shapeAt === 0) {
      writeBlobMetadata(target, at, this.length);
      return;
    }
    bytes.copy(target, at, 4, 16);
    bytes.copy(target, at + 12, shapeAt, shapeAt + 16);
  }
}

/** The metadata of `length` bytes that have no dtype and no shape. */
export function writeBlobMetadata(target: Buffer, at: number, length: number): void {
  target.fill(0, at, at + METADATA_BYTES);
  target.writeInt32LE(length, at);
  target.writeInt32LE(BINARY_BUFFER_FORMAT, at + 4);
  target.writeInt32LE(length, at + 12);
}

/**
 * A request header of the current generation.
 *
 * @param key - at most 150 bytes
 * @param metadata - what describes the value of a PUT
 */
export function encodeRequest(command: Command, key: Uint8Array, metadata?: Buffer): Buffer {
  if (key.length > KEY_FIELD_BYTES)
    throw new TypeError(`a key has at most ${KEY_FIELD_BYTES} bytes here, not ${key.length}`);
  const { requestBytes, keyAt, shapeAt } = currentGeneration;
  const header = Buffer.alloc(requestBytes, 0x20);
  header.fill(0, 0, keyAt);
  header.writeInt32LE(command, 0);
  if (metadata === undefined) {
    // What LMCache's own client sends with requests that have no value: KV_2LTD, float16.
    header.writeInt32LE(1, 8);
    header.writeInt32LE(2, 12);
  } else {
    metadata.copy(header, 4, 0, 12);
    metadata.copy(header, shapeAt, 12, METADATA_BYTES);
  }
  header.set(key, keyAt);
  return header;
}

/** What Python's `strip` takes away, as far as it is ASCII. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || (byte >= 0x1c && byte <= 0x1f);
}
