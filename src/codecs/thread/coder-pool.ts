import { availableParallelism } from "node:os";
import { extname } from "node:path";
import type { CodecName, EncodeOptions } from "../codec.ts";
import { type BlockCoder, inProcessCoder } from "../coder.ts";
import type { Tensor } from "../tensor.ts";
import { ThreadedCoder } from "./threaded-coder.ts";

/** More would only take memory and cores from what else runs. */
const MOST_THREADS = 4;

/** Several threads; a block goes to the one that has least to do, and a thread starts with its first block. */
export class CoderPool implements BlockCoder {
  readonly #coders: readonly ThreadedCoder[];

  constructor(threads: number, script?: URL) {
    this.#coders = Array.from({ length: threads }, () => new ThreadedCoder(script));
  }

  encode(
    codec: CodecName,
    bytes: Uint8Array,
    tensor: Tensor | undefined,
    options?: EncodeOptions,
  ): Promise<readonly Uint8Array[]> {
    return this.#next().encode(codec, bytes, tensor, options);
  }

  decode(container: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#next().decode(container, signal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#coders.map((coder) => coder.close()));
  }

  #next(): ThreadedCoder {
    return this.#coders.reduce((least, coder) => (coder.pending < least.pending ? coder : least));
  }
}

/**
 * Threads for all cores but one, at least one, where this program was compiled; sources are not what a
 * thread can run.
 */
export function backgroundCoder(): BlockCoder {
  if (extname(import.meta.url) !== ".js") return inProcessCoder;
  return new CoderPool(Math.max(1, Math.min(MOST_THREADS, availableParallelism() - 1)));
}
