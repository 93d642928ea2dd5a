import type { KvChunk, TokenRange } from "../../engine/types.ts";
import { fromHalves, toHalves } from "./halves.ts";
import type { KvShape } from "./kv-shape.ts";
import type { TensorLike, TransformersLike } from "./types.ts";

// The value of a chunk: the model's tensors of keys and values one after the other, in the order of its inputs;
// of each, head after head, the numbers of the chunk's tokens. As the tensors are `[1, heads, tokens, headDim]`,
// what lies together in a chunk lies together in a tensor of any length, and both are moved in large pieces.

/** The layout's name and version, as namespaces say it. */
export const layoutName = "heads1";

/** Bytes that a store has for a token. */
function storedTokenBytes({ tokenBytes, elementBytes, storedBytes }: KvShape): number {
  return (tokenBytes / elementBytes) * storedBytes;
}

/** The bytes of a model's tensors, which all have the same tokens. */
export class KvTensors {
  readonly #shape: KvShape;
  readonly #bytes: readonly Uint8Array[];
  /** Tokens that there are. */
  readonly length: number;

  private constructor(shape: KvShape, bytes: readonly Uint8Array[], length: number) {
    this.#shape = shape;
    this.#bytes = bytes;
    this.length = length;
  }

  /** The tensors in `cache`; nothing if they are not as `shape` says, or not in memory. */
  static of(shape: KvShape, cache: object): KvTensors | undefined {
    const tensors = shape.tensors.map(({ name }) => Reflect.get(cache, name) as TensorLike);
    const length = tensors[0]?.dims[2] ?? 0;
    const bytes = shape.tensors.map(({ heads, headDim }, index) =>
      bytesOf(tensors[index], shape, [1, heads, length, headDim]),
    );
    return bytes.every((each) => each !== undefined)
      ? new KvTensors(shape, bytes, length)
      : undefined;
  }

  /** The value of a chunk: views of the tensors, unless they are rounded; nothing if they are too great for that. */
  cut({ start, end }: TokenRange): Uint8Array[] | undefined {
    const { tensors, elementBytes, storedBytes } = this.#shape;
    const pieces = tensors.flatMap(({ heads, headDim }, index) => {
      const rowBytes = headDim * elementBytes;
      return Array.from({ length: heads }, (_, head) => {
        const first = head * this.length;
        return this.#bytes[index].subarray((first + start) * rowBytes, (first + end) * rowBytes);
      });
    });
    if (storedBytes === elementBytes) return pieces;
    const smaller = pieces.map(rounded).filter((piece) => piece !== undefined);
    return smaller.length === pieces.length ? smaller : undefined;
  }
}

/** Tensors of the first `length` tokens, put together of their chunks; nothing if one has not its length. */
export function joinChunks(
  { Tensor }: TransformersLike,
  shape: KvShape,
  chunks: readonly KvChunk[],
  length: number,
): Record<string, TensorLike> | undefined {
  const { tensors, type, elementBytes, storedBytes } = shape;
  const tokenBytes = storedTokenBytes(shape);
  if (chunks.some(({ start, end, bytes }) => bytes.length !== (end - start) * tokenBytes))
    return undefined;
  const put = storedBytes === elementBytes ? putSame : putWidened;
  const all = tensors.map(({ heads, headDim }) =>
    // Not from the pool, and not filled with zeros: every byte is written below.
    Buffer.allocUnsafeSlow(heads * length * headDim * elementBytes),
  );
  for (const { start, end, bytes, tokens } of chunks) {
    let at = 0;
    for (const [index, { heads, headDim }] of tensors.entries()) {
      const rowBytes = headDim * storedBytes;
      for (let head = 0; head < heads; head++, at += (end - start) * rowBytes) {
        const piece = bytes.subarray(at, at + tokens * rowBytes);
        put(all[index], (head * length + start) * headDim * elementBytes, piece);
      }
    }
  }
  return Object.fromEntries(
    tensors.map(({ name, heads, headDim }, index) => {
      const { buffer } = all[index];
      const numbers = type === "float32" ? new Float32Array(buffer) : new Uint16Array(buffer);
      return [name, new Tensor(type as never, numbers as never, [1, heads, length, headDim])];
    }),
  );
}

function putSame(target: Uint8Array, at: number, piece: Uint8Array): void {
  target.set(piece, at);
}

function putWidened(target: Uint8Array, at: number, piece: Uint8Array): void {
  // Values of a store begin anywhere, 16-bit numbers at even addresses only.
  const even = piece.byteOffset % 2 === 0 ? piece : Uint8Array.from(piece);
  const halves = new Uint16Array(even.buffer, even.byteOffset, even.length / 2);
  fromHalves(halves, new Float32Array(target.buffer, target.byteOffset + at, halves.length));
}

function rounded(piece: Uint8Array): Uint8Array | undefined {
  const words = new Uint32Array(piece.buffer, piece.byteOffset, piece.length / 4);
  const halves = new Uint16Array(words.length);
  return toHalves(words, halves) ? new Uint8Array(halves.buffer) : undefined;
}

function bytesOf(
  tensor: TensorLike | undefined,
  { type, elementBytes }: KvShape,
  dims: readonly number[],
): Uint8Array | undefined {
  if (tensor?.type !== type || tensor.location !== "cpu") return undefined;
  if (tensor.dims.length !== 4 || !dims.every((size, at) => tensor.dims[at] === size))
    return undefined;
  const { data } = tensor;
  if (!ArrayBuffer.isView(data)) return undefined;
  const wanted = dims.reduce((product, size) => product * size, elementBytes);
  if (data.byteLength !== wanted) return undefined;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
