import type { CodecName, EncodeOptions } from "./codec.ts";
import { decodeBlock, decodedBytes, encodeBlock } from "./encoded-block.ts";
import type { Tensor } from "./tensor.ts";

/** Blocks encoded and decoded somewhere: on this thread, or on one of its own. */
export interface BlockCoder {
  /**
   * A block as a container, in parts that follow each other; they may be views of `bytes`, which must stay
   * as they are until then.
   *
   * @throws KeepwarmError as {@link encodeBlock} does.
   */
  encode(
    name: CodecName,
    bytes: Uint8Array,
    tensor: Tensor | undefined,
    options?: EncodeOptions,
  ): Promise<readonly Uint8Array[]>;
  /**
   * The block in a container, in memory of its own.
   *
   * @throws KeepwarmError as {@link decodeBlock} does.
   */
  decode(container: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  /** Ends it; what is under way fails. */
  close(): Promise<void>;
}

/** On the calling thread, which gives way to its event loop every few milliseconds. */
export const inProcessCoder: BlockCoder = {
  encode: (name, bytes, tensor, options) => encodeBlock(name, bytes, tensor, options),
  async decode(container, signal) {
    const block = new Uint8Array(Buffer.allocUnsafeSlow(decodedBytes(container)).buffer);
    await decodeBlock(container, block, signal === undefined ? undefined : { signal });
    return block;
  },
  close: () => Promise.resolve(),
};
