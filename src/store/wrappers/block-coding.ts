import type { CodecName, EncodeOptions } from "../../codecs/codec.ts";
import { type BlockCoder, inProcessCoder } from "../../codecs/coder.ts";
import { isContainer } from "../../codecs/container.ts";
import { decodedBytes, encodeBlock } from "../../codecs/encoded-block.ts";
import { type BlockLayout, tensorOf } from "../../codecs/tensor.ts";
import { isKeepwarmError } from "../../errors.ts";

/** How the blocks of a namespace are encoded. */
export interface CodecChoice extends Omit<EncodeOptions, "signal"> {
  /** `naive` leaves them as they are. */
  readonly codec: CodecName;
  /** What the blocks are. Lossy codecs need it, and `zstd-planes` gains by it. Default: bytes. */
  readonly layout?: BlockLayout;
}

/** What encoding and decoding has done and cost. */
export interface CodingStats {
  /** Blocks that were encoded, their bytes before, and after. */
  readonly encoded: number;
  readonly originalBytes: number;
  readonly encodedBytes: number;
  /** Blocks that a codec was chosen for and that were kept as they are: too small, not smaller, unsuitable. */
  readonly leftAsIs: number;
  readonly decoded: number;
  readonly decodedBytes: number;
  /** Encoded blocks that could not be decoded: damaged, or of a codec that is not here. They are misses. */
  readonly undecodable: number;
  /** Milliseconds from handing blocks to the coder to having them back, added up. */
  readonly encodeMs: number;
  readonly decodeMs: number;
}

/** Encodes and decodes single blocks, and counts. */
export class BlockCoding {
  readonly #coder: BlockCoder;
  #encoded = 0;
  #originalBytes = 0;
  #encodedBytes = 0;
  #leftAsIs = 0;
  #decoded = 0;
  #decodedBytes = 0;
  #undecodable = 0;
  #encodeMs = 0;
  #decodeMs = 0;

  constructor(coder: BlockCoder = inProcessCoder) {
    this.#coder = coder;
  }

  /** The block encoded as chosen; nothing when that cannot be done or does not make it smaller. */
  async encode(
    bytes: Uint8Array,
    { codec, layout, ...options }: CodecChoice,
    signal?: AbortSignal,
  ): Promise<readonly Uint8Array[] | undefined> {
    if (codec === "naive") return undefined;
    const tensor = layout && tensorOf(layout, bytes.length);
    if (layout !== undefined && tensor === undefined) return this.leaveAsIs();
    const began = performance.now();
    try {
      const told = signal ? { ...options, signal } : options;
      const parts = await this.#coder.encode(codec, bytes, tensor, told);
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      if (length >= bytes.length) return this.leaveAsIs();
      this.#encoded++;
      this.#originalBytes += bytes.length;
      this.#encodedBytes += length;
      return parts;
    } catch (error) {
      if (isKeepwarmError(error)) return this.leaveAsIs();
      throw error;
    } finally {
      this.#encodeMs += performance.now() - began;
    }
  }

  /** Counts a block that a codec was chosen for and that is kept as it is. */
  leaveAsIs(): undefined {
    this.#leftAsIs++;
  }

  /** Wraps a block that begins like a container, so that it comes back as it was. */
  async wrapped(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
    return isContainer(bytes) ? encodeBlock("naive", bytes) : [bytes];
  }

  /** The block in a container, in memory of its own; nothing when it cannot be had, or is too large. */
  async decode(
    container: Uint8Array,
    mostBytes: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const began = performance.now();
    try {
      if (decodedBytes(container) > mostBytes) return this.#giveUp();
      const bytes = await this.#coder.decode(container, signal);
      this.#decoded++;
      this.#decodedBytes += bytes.length;
      return bytes;
    } catch (error) {
      if (isKeepwarmError(error)) return this.#giveUp();
      throw error;
    } finally {
      this.#decodeMs += performance.now() - began;
    }
  }

  stats(): CodingStats {
    return {
      encoded: this.#encoded,
      originalBytes: this.#originalBytes,
      encodedBytes: this.#encodedBytes,
      leftAsIs: this.#leftAsIs,
      decoded: this.#decoded,
      decodedBytes: this.#decodedBytes,
      undecodable: this.#undecodable,
      encodeMs: this.#encodeMs,
      decodeMs: this.#decodeMs,
    };
  }

  #giveUp(): undefined {
    this.#undecodable++;
  }
}
