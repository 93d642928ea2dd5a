import { parentPort } from "node:worker_threads";
import { isKeepwarmError } from "../../errors.ts";
import type { EncodeOptions } from "../codec.ts";
import { inProcessCoder } from "../coder.ts";
import type { CodingReply, CodingRequest } from "./messages.ts";

// What runs on the thread: one block after the other, those first that somebody waits for.

const decodes: CodingRequest[] = [];
const encodes: CodingRequest[] = [];
let isBusy = false;

parentPort?.on("message", (request: CodingRequest) => {
  (request.kind === "decode" ? decodes : encodes).push(request);
  if (!isBusy) void work();
});

async function work(): Promise<void> {
  isBusy = true;
  for (;;) {
    const request = decodes.shift() ?? encodes.shift();
    if (request === undefined) break;
    await answer(request);
  }
  isBusy = false;
}

async function answer(request: CodingRequest): Promise<void> {
  const { id } = request;
  try {
    const bytes = await code(request);
    send({ id, bytes }, bytes);
  } catch (error) {
    const known = isKeepwarmError(error) ? error : undefined;
    const message = error instanceof Error ? error.message : String(error);
    send({ id, code: known?.code, message, remedy: known?.remedy });
  }
}

async function code(request: CodingRequest): Promise<Uint8Array> {
  if (request.kind === "decode") return inProcessCoder.decode(request.bytes);
  const { codec, bytes, tensor, bins, firstLayer, modelLayers } = request;
  const options: EncodeOptions = {
    ...(bins && { bins: (kind, layer) => bins[kind][layer] }),
    ...(firstLayer !== undefined && { firstLayer }),
    ...(modelLayers !== undefined && { modelLayers }),
  };
  return joined(await inProcessCoder.encode(codec, bytes, tensor, options));
}

/** The parts in one piece of memory that can go to another thread. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function send(reply: CodingReply, memory?: Uint8Array): void {
  parentPort?.postMessage(reply, memory === undefined ? [] : [memory.buffer as ArrayBuffer]);
}
