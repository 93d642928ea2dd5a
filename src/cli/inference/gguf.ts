// GGUF version 3, little endian: "GGUF", u32 version, u64 tensors, u64 metadata; the metadata: text name,
// u32 type, value; the tensors: text name, u32 dimensions, u64 each, u32 type, u64 offset; data from the next
// multiple of 32 on, each tensor at a multiple of 32. A text is u64 bytes, then UTF-8.

const alignment = 32;
const uint32 = 4;
const int32 = 5;
const float32 = 6;
const text = 8;
const array = 9;
const tensorTypes = {
  F32: { id: 0, weights: 1, bytes: 4 },
  Q4_1: { id: 3, weights: 32, bytes: 20 },
};

/** A tensor of a GGUF file; the first number of its shape is the one that moves fastest. */
export interface GgufTensor {
  readonly name: string;
  readonly type: keyof typeof tensorTypes;
  readonly shape: readonly number[];
}

/** Bytes of a tensor's data, without what fills it up to the next one. */
export function tensorBytes({ type, shape }: GgufTensor): number {
  const { weights, bytes } = tensorTypes[type];
  return (shape.reduce((product, length) => product * length, 1) / weights) * bytes;
}

/** All of a file that stands before the tensors' data. Whole numbers become u32, in lists i32, others f32. */
export function encodeHeader(
  metadata: Readonly<Record<string, string | number | readonly string[] | readonly number[]>>,
  tensors: readonly GgufTensor[],
): Buffer {
  const parts: Buffer[] = [Buffer.from("GGUF"), u32(3), u64(tensors.length)];
  const entries = Object.entries(metadata);
  parts.push(u64(entries.length));
  for (const [name, value] of entries) parts.push(string(name), ...encodeValue(value));
  let offset = 0;
  for (const tensor of tensors) {
    const { name, type, shape } = tensor;
    parts.push(string(name), u32(shape.length), ...shape.map(u64));
    parts.push(u32(tensorTypes[type].id), u64(offset));
    offset += Math.ceil(tensorBytes(tensor) / alignment) * alignment;
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc(-header.length & (alignment - 1))]);
}

function encodeValue(value: string | number | readonly string[] | readonly number[]): Buffer[] {
  if (typeof value === "string") return [u32(text), string(value)];
  if (typeof value === "number")
    return Number.isInteger(value) ? [u32(uint32), u32(value)] : [u32(float32), f32(value)];
  const isNumbers = typeof value[0] === "number";
  const items = value.map((item) => (typeof item === "number" ? u32(item) : string(item)));
  return [u32(array), u32(isNumbers ? int32 : text), u64(value.length), ...items];
}

function string(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
