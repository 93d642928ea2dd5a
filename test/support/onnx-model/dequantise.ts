// Blocks of ggml's types, https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h

/** Elements of a block. */
const blockSize = 32;

interface QuantType {
  /** Elements and bytes of a block. */
  readonly elements: number;
  readonly bytes: number;
  /** Puts the block at `at` into `target` from `to` on. */
  readonly read: (bytes: DataView, at: number, target: Float32Array, to: number) => void;
}

const types: Readonly<Record<number, QuantType>> = {
  0: {
    elements: 1,
    bytes: 4,
    read: (bytes, at, target, to) => (target[to] = bytes.getFloat32(at, true)),
  },
  1: {
    elements: 1,
    bytes: 2,
    read: (bytes, at, target, to) => (target[to] = halfAt(bytes, at)),
  },
  2: {
    elements: blockSize,
    bytes: 18,
    read: (bytes, at, target, to) => {
      const scale = halfAt(bytes, at);
      readNibbles(bytes, at + 2, target, to, scale, -8 * scale);
    },
  },
  3: {
    elements: blockSize,
    bytes: 20,
    read: (bytes, at, target, to) =>
      readNibbles(bytes, at + 4, target, to, halfAt(bytes, at), halfAt(bytes, at + 2)),
  },
  8: {
    elements: blockSize,
    bytes: 34,
    read: (bytes, at, target, to) => {
      const scale = halfAt(bytes, at);
      for (let index = 0; index < blockSize; index++)
        target[to + index] = bytes.getInt8(at + 2 + index) * scale;
    },
  },
};

/** Bytes that `elements` elements of a type take. */
export function bytesOfType(type: number, elements: number): number {
  const { elements: each, bytes } = typeOf(type);
  return (elements / each) * bytes;
}

/** The elements of a tensor, as float32. */
export function dequantise(type: number, bytes: Uint8Array, elements: number): Float32Array {
  const { elements: each, bytes: step, read } = typeOf(type);
  const target = new Float32Array(elements);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let to = 0, at = 0; to < elements; to += each, at += step) read(view, at, target, to);
  return target;
}

function typeOf(type: number): QuantType {
  const known = types[type];
  if (known === undefined) throw new Error(`tensors of ggml type ${type} are not known here`);
  return known;
}

/** The low halves of 16 bytes are the first 16 elements, the high halves the others. */
function readNibbles(
  bytes: DataView,
  at: number,
  target: Float32Array,
  to: number,
  scale: number,
  least: number,
): void {
  for (let index = 0; index < blockSize / 2; index++) {
    const pair = bytes.getUint8(at + index);
    target[to + index] = (pair & 15) * scale + least;
    target[to + index + blockSize / 2] = (pair >> 4) * scale + least;
  }
}

function halfAt(bytes: DataView, at: number): number {
  const bits = bytes.getUint16(at, true);
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
