import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { type ErrorCode, KeepwarmError } from "../../errors.ts";
import type { CodecName, EncodeOptions } from "../codec.ts";
import type { BlockCoder } from "../coder.ts";
import type { Tensor } from "../tensor.ts";
import type { CodingReply, CodingRequest } from "./messages.ts";

interface Waiting {
  resolve(bytes: Uint8Array): void;
  reject(error: unknown): void;
}

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

/** Most layers that a table of bins is made for. */
const MOST_LAYERS = 4096;

/**
 * Encodes and decodes on a thread of its own, which starts with the first block and is started anew when it
 * dies. Costs the caller's thread one copy of each block.
 */
export class ThreadedCoder implements BlockCoder {
  readonly #script: URL;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 1;
  #closed = false;

  constructor(script: URL = new URL(`coding-thread${extname(import.meta.url)}`, import.meta.url)) {
    this.#script = script;
  }

  /** Blocks that it has been given and has not given back. */
  get pending(): number {
    return this.#waiting.size;
  }

  async encode(
    codec: CodecName,
    bytes: Uint8Array,
    tensor: Tensor | undefined,
    options: EncodeOptions = {},
  ): Promise<readonly Uint8Array[]> {
    const { signal, firstLayer, modelLayers } = options;
    const bins = binsOf(tensor, options);
    const request = { kind: "encode", codec, bytes: copied(bytes), tensor } as const;
    return [await this.#ask({ ...request, bins, firstLayer, modelLayers }, signal)];
  }

  decode(container: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#ask({ kind: "decode", bytes: copied(container) }, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
    this.#fail(new KeepwarmError("CLOSED", "the coding thread was ended"));
  }

  #ask(request: WithoutId<CodingRequest>, signal: AbortSignal | undefined): Promise<Uint8Array> {
    signal?.throwIfAborted();
    if (this.#closed)
      return Promise.reject(new KeepwarmError("CLOSED", "the coding thread was ended"));
    const id = this.#nextId++;
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...request }, [request.bytes.buffer as ArrayBuffer]);
    });
  }

  #start(): Worker {
    const worker = new Worker(this.#script, { name: "keepwarm-codecs" });
    // Listeners of the server keep the process alive, not what waits to be encoded.
    worker.unref();
    worker.on("message", (reply: CodingReply) => this.#take(reply));
    worker.on("error", (cause) => this.#lose(worker, cause));
    worker.on("exit", () => this.#lose(worker));
    return worker;
  }

  #take(reply: CodingReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("bytes" in reply) waiting?.resolve(reply.bytes);
    else waiting?.reject(errorOf(reply));
  }

  #lose(worker: Worker, cause?: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#fail(new KeepwarmError("CLOSED", "the coding thread ended", { cause }));
  }

  #fail(error: KeepwarmError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.reject(error);
  }
}

function errorOf(reply: Exclude<CodingReply, { bytes: Uint8Array }>): Error {
  const { code, message, remedy } = reply;
  if (code === undefined) return new Error(message);
  return new KeepwarmError(code as ErrorCode, message, remedy === undefined ? {} : { remedy });
}

/** Memory that can go to another thread. */
function copied(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(Buffer.allocUnsafeSlow(bytes.length).buffer);
  copy.set(bytes);
  return copy;
}

/** What a function says for all layers, since functions cannot go to another thread. */
function binsOf(
  tensor: Tensor | undefined,
  { bins, firstLayer = 0 }: EncodeOptions,
): Record<"key" | "value", number[]> | undefined {
  if (bins === undefined || tensor === undefined) return undefined;
  const layers = Math.min(MOST_LAYERS, firstLayer + (tensor.shape[1] ?? 1));
  const of = (kind: "key" | "value"): number[] =>
    Array.from({ length: layers }, (_, layer) => bins(kind, layer));
  return { key: of("key"), value: of("value") };
}
