import { type CodecName, type DecodeOptions, type EncodeOptions, codecIds } from "./codec.ts";
import { checkedPayload, hashOf, headerOf, readHeader } from "./container.ts";
import { malformed } from "./malformed.ts";
import { loadCodec, loadCodecById } from "./registry.ts";
import { type Tensor, plainBytes, tensorBytes } from "./tensor.ts";

/**
 * A block as a container, in parts that follow each other; those behind the first may be views of `bytes`.
 *
 * @param tensor What the bytes are. Default: bytes without a shape, which lossy codecs refuse.
 * @throws KeepwarmError `INPUT_INVALID` when the codec cannot encode such a tensor.
 *
 * @example
 * ```ts
 * const layout = { dtype: "bfloat16", format: "KV_2LTD", layers: 32, channels: 1024 } as const;
 * const parts = await encodeBlock("cachegen", bytes, tensorOf(layout, bytes.length));
 * const container = Buffer.concat(parts);
 * const decoded = new Uint8Array(decodedBytes(container));
 * await decodeBlock(container, decoded);
 * ```
 */
export async function encodeBlock(
  name: CodecName,
  bytes: Uint8Array,
  tensor: Tensor = plainBytes(bytes.length),
  options?: EncodeOptions,
): Promise<Uint8Array[]> {
  if (tensorBytes(tensor) !== bytes.length)
    throw new TypeError(
      `${bytes.length} bytes are no ${tensor.format} of ${tensor.dtype} ${tensor.shape.join("x")}`,
    );
  const codec = await loadCodec(name);
  const parts = await codec.encode(bytes, tensor, options);
  const originalHash = codec.lossless ? hashOf(bytes) : 0n;
  const header = { codecId: codecIds[name], tensor, originalBytes: bytes.length, originalHash };
  return [headerOf(header, parts), ...parts];
}

/**
 * Bytes of the block in a container, from its header alone.
 *
 * @throws KeepwarmError `INPUT_INVALID` when the container is not whole or contradicts itself.
 */
export function decodedBytes(container: Uint8Array): number {
  return readHeader(container).originalBytes;
}

/**
 * Decodes a container into the caller's memory, which must be as long as {@link decodedBytes} says. After a
 * failure its contents mean nothing.
 *
 * @throws KeepwarmError `INPUT_INVALID` when the container is damaged, `UNSUPPORTED` when its codec or what
 *   that needs is not here.
 */
export async function decodeBlock(
  container: Uint8Array,
  into: Uint8Array,
  options?: DecodeOptions,
): Promise<void> {
  const { codecId, tensor, originalBytes, originalHash } = readHeader(container);
  if (into.length !== originalBytes)
    throw new TypeError(`the block has ${originalBytes} bytes, the memory for it ${into.length}`);
  const codec = await loadCodecById(codecId);
  await codec.decode(checkedPayload(container), tensor, into, options);
  if (codec.lossless && hashOf(into) !== originalHash)
    throw malformed("what it decodes to is not what was encoded");
}
