import { type FloatDtype, dtypes } from "../../src/codecs/dtypes.ts";
import { bitsOf, numbersOf } from "../../src/codecs/float-bits.ts";
import type { Tensor } from "../../src/codecs/tensor.ts";
import { tensorBytes } from "../../src/codecs/tensor.ts";
import { randomFrom } from "../fuzz/random.ts";

/** Numbers like those of KV tensors: bell-shaped, and a few channels far larger than the others. */
export function kvLike(tensor: Tensor & { readonly dtype: FloatDtype }, seed = 1): Uint8Array {
  const random = randomFrom(seed);
  const uniform = (): number => (random.below(2 ** 24) + 0.5) / 2 ** 24;
  const channels = tensor.shape.at(-1) ?? 1;
  const count = tensorBytes(tensor) / dtypes[tensor.dtype].bytes;
  const sizes = Array.from({ length: channels }, (_, channel) =>
    channel % 17 === 3 ? 8 : uniform(),
  );
  const centres = Array.from({ length: channels }, () => 2 * uniform() - 1);
  return packed(tensor.dtype, count, (index) => {
    const channel = index % channels;
    const bell = uniform() + uniform() + uniform() + uniform() - 2;
    return (bell + centres[channel]) * sizes[channel];
  });
}

/** Elements of a type as bytes. */
export function packed(
  dtype: FloatDtype,
  count: number,
  at: (index: number) => number,
): Uint8Array {
  const bytes = new Uint8Array(count * dtypes[dtype].bytes);
  const bits = wordsOf(dtype, bytes);
  for (let index = 0; index < count; index++) bits[index] = bitsOf(dtype, at(index));
  return bytes;
}

/** The numbers in bytes of a type. */
export function unpacked(dtype: FloatDtype, bytes: Uint8Array): number[] {
  if (dtype === "float32") return [...new Float32Array(bytes.slice().buffer)];
  const numbers = numbersOf(dtype);
  return [...wordsOf(dtype, bytes.slice())].map((bits) => numbers[bits]);
}

function wordsOf(dtype: FloatDtype, { buffer, byteOffset, length }: Uint8Array) {
  const { bytes } = dtypes[dtype];
  if (bytes === 1) return new Uint8Array(buffer, byteOffset, length);
  return bytes === 2
    ? new Uint16Array(buffer, byteOffset, length / 2)
    : new Uint32Array(buffer, byteOffset, length / 4);
}
