import { randomFillSync } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { obtain, type ObtainOptions } from "../../models/obtain.ts";
import { encodeHeader, type GgufTensor, tensorBytes } from "./gguf.ts";

/** What the shapes of SmolLM2-135M are called by. */
export const randomWeightsName = "random weights in the shapes of SmolLM2-135M";

const layers = 30;
const width = 576;
const keyWidth = 192;
const innerWidth = 1536;
const vocabulary = 49_152;
/** A block of Q4_1 is 32 weights: scale and least as float16, then 16 bytes of two weights each. */
const blockBytes = 20;
const pieceBytes = blockBytes * 65_536;

/**
 * A GGUF file that costs and weighs what SmolLM2-135M-Instruct does and says nothing: its weights are drawn at
 * random. Its tokens are the 256 bytes, so a text has more of them than with the real model.
 */
export function obtainRandomWeights({ onProgress }: ObtainOptions = {}): Promise<string> {
  return obtain({
    name: "random-135m-1",
    title: `${randomWeightsName}, 85 MB`,
    file: "model.gguf",
    onProgress,
    make: (folder) => writeRandomWeights(join(folder, "model.gguf")),
  });
}

async function writeRandomWeights(path: string): Promise<void> {
  const tensors = [...shapes()];
  const file = await open(path, "w");
  try {
    await file.write(encodeHeader(metadata(), tensors));
    for (const tensor of tensors) {
      const bytes = tensorBytes(tensor);
      if (tensor.type === "F32") await file.write(ones(bytes));
      else
        for (let left = bytes; left > 0; left -= pieceBytes)
          await file.write(weights(Math.min(left, pieceBytes)));
      await file.write(Buffer.alloc(-bytes & 31));
    }
  } finally {
    await file.close();
  }
}

function* shapes(): Generator<GgufTensor> {
  yield { name: "token_embd.weight", type: "Q4_1", shape: [width, vocabulary] };
  for (let layer = 0; layer < layers; layer++) {
    const matrix = (name: string, columns: number, rows: number): GgufTensor => ({
      name: `blk.${layer}.${name}.weight`,
      type: "Q4_1",
      shape: [columns, rows],
    });
    yield { name: `blk.${layer}.attn_norm.weight`, type: "F32", shape: [width] };
    yield matrix("attn_q", width, width);
    yield matrix("attn_k", width, keyWidth);
    yield matrix("attn_v", width, keyWidth);
    yield matrix("attn_output", width, width);
    yield { name: `blk.${layer}.ffn_norm.weight`, type: "F32", shape: [width] };
    yield matrix("ffn_gate", width, innerWidth);
    yield matrix("ffn_up", width, innerWidth);
    yield matrix("ffn_down", innerWidth, width);
  }
  yield { name: "output_norm.weight", type: "F32", shape: [width] };
}

function metadata(): Record<string, string | number | readonly string[] | readonly number[]> {
  const names = [...byteNames()];
  const spare = Array.from({ length: vocabulary - names.length - 1 }, (_, n) => `<unused${n}>`);
  return {
    "general.architecture": "llama",
    "general.name": "Random 135M",
    "llama.block_count": layers,
    "llama.context_length": 8192,
    "llama.embedding_length": width,
    "llama.feed_forward_length": innerWidth,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
    "llama.attention.layer_norm_rms_epsilon": 0.00001,
    "llama.rope.dimension_count": 64,
    "llama.vocab_size": vocabulary,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "gpt-2",
    "tokenizer.ggml.tokens": ["<end>", ...names, ...spare],
    "tokenizer.ggml.token_type": [3, ...names.map(() => 1), ...spare.map(() => 5)],
    "tokenizer.ggml.merges": [],
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 0,
  };
}

/** The letters by which byte-level tokenizers name the bytes: printable ones themselves, others from U+0100 on. */
function* byteNames(): Generator<string> {
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable =
      (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad) || byte === 0xa1;
    yield String.fromCodePoint(printable ? byte : next++);
  }
}

/** Norms, in float32. */
function ones(bytes: number): Buffer {
  return Buffer.from(new Float32Array(bytes / 4).fill(1).buffer);
}

/** Weights between -0.03 and 0.03. */
function weights(bytes: number): Buffer {
  const block = randomFillSync(Buffer.allocUnsafe(bytes));
  for (let at = 0; at < bytes; at += blockBytes) {
    block.writeUInt16LE(0x1c19, at);
    block.writeUInt16LE(0xa7ae, at + 2);
  }
  return block;
}
