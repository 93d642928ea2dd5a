import { open } from "node:fs/promises";

// GGUF version 3, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

/** Bytes that hold all metadata of a small model. */
const headBytes = 16 * 1024 ** 2;

type Value = number | boolean | string | Value[];

interface GgufTensor {
  readonly name: string;
  /** Elements along each dimension, the fastest first. */
  readonly dims: readonly number[];
  /** The type's number: 0 float32, 1 float16, 2 Q4_0, 3 Q4_1, 8 Q8_0. */
  readonly type: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
}

export interface Gguf {
  readonly metadata: ReadonlyMap<string, Value>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** What a GGUF file says of itself. */
export async function readGguf(path: string): Promise<Gguf> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return parse(new Reader(buffer.subarray(0, bytesRead)));
  } finally {
    await file.close();
  }
}

function parse(reader: Reader): Gguf {
  const magic = reader.u32();
  const version = reader.u32();
  if (magic !== 0x46554747 || version !== 3) throw new Error(`no GGUF file of version 3`);
  const tensorCount = reader.u64();
  const entries = reader.u64();
  const metadata = new Map<string, Value>();
  for (let index = 0; index < entries; index++)
    metadata.set(reader.text(), reader.value(reader.u32()));
  const listed = Array.from({ length: tensorCount }, () => {
    const name = reader.text();
    const dims = Array.from({ length: reader.u32() }, () => reader.u64());
    return { name, dims, type: reader.u32(), offset: reader.u64() };
  });
  const alignment = Number(metadata.get("general.alignment") ?? 32);
  const start = Math.ceil(reader.at / alignment) * alignment;
  const tensors = listed.map(
    (each) => [each.name, { ...each, offset: start + each.offset }] as const,
  );
  return { metadata, tensors: new Map(tensors) };
}

class Reader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4));
  }

  u64(): number {
    return Number(this.#bytes.readBigUInt64LE(this.#skip(8)));
  }

  text(): string {
    const length = this.u64();
    const start = this.#skip(length);
    return this.#bytes.toString("utf8", start, start + length);
  }

  value(type: number): Value {
    switch (type) {
      case 0:
        return this.#bytes.readUInt8(this.#skip(1));
      case 1:
        return this.#bytes.readInt8(this.#skip(1));
      case 4:
        return this.u32();
      case 5:
        return this.#bytes.readInt32LE(this.#skip(4));
      case 6:
        return this.#bytes.readFloatLE(this.#skip(4));
      case 7:
        return this.#bytes.readUInt8(this.#skip(1)) !== 0;
      case 8:
        return this.text();
      case 9: {
        const of = this.u32();
        return Array.from({ length: this.u64() }, () => this.value(of));
      }
      case 10:
        return this.u64();
      default:
        throw new Error(`GGUF metadata of type ${type} is not known here`);
    }
  }

  #skip(bytes: number): number {
    this.at += bytes;
    return this.at - bytes;
  }
}
