import type { KvChunk, TokenRange } from "../../engine/types.ts";
import type { KvShape } from "./kv-shape.ts";
import type { TensorLike, TransformersLike } from "./types.ts";

// The value of a chunk: the model's tensors of keys and values one after the other, in the order of its inputs;
// of each, head after head, the numbers of the chunk's tokens. As the tensors are `[1, heads, tokens, headDim]`,
// what lies together in a chunk lies together in a tensor of any length, and both are moved in large pieces.

/** The layout's name and version, as namespaces say it. */
export const layoutName = "heads1";

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

  /** The value of a chunk: views of the tensors. */
  cut({ start, end }: TokenRange): Uint8Array[] {
    const { tensors, elementBytes } = this.#shape;
    return tensors.flatMap(({ heads, headDim }, index) => {
      const rowBytes = headDim * elementBytes;
      return Array.from({ length: heads }, (_, head) => {
        const first = head * this.length;
        return this.#bytes[index].subarray((first + start) * rowBytes, (first + end) * rowBytes);
      });
    });
  }
}

/** Tensors of the first `length` tokens, put together of their chunks; nothing if one has not its length. */
export function joinChunks(
  { Tensor }: TransformersLike,
  shape: KvShape,
  chunks: readonly KvChunk[],
  length: number,
): Record<string, TensorLike> | undefined {
  const { tensors, type, elementBytes, tokenBytes } = shape;
  if (chunks.some(({ start, end, bytes }) => bytes.length !== (end - start) * tokenBytes))
    return undefined;
  const all = tensors.map(({ heads, headDim }) =>
    // Not from the pool, and not filled with zeros: every byte is written below.
    Buffer.allocUnsafeSlow(heads * length * headDim * elementBytes),
  );
  for (const { start, end, bytes, tokens } of chunks) {
    let at = 0;
    for (const [index, { heads, headDim }] of tensors.entries()) {
      const rowBytes = headDim * elementBytes;
      for (let head = 0; head < heads; head++, at += (end - start) * rowBytes)
        all[index].set(
          bytes.subarray(at, at + tokens * rowBytes),
          (head * length + start) * rowBytes,
        );
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
