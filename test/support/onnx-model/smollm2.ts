import { open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { obtain, type ObtainOptions } from "../../../src/models/obtain.ts";
import { obtainSmollm2 } from "../../../src/models/smollm2.ts";
import { bytesOfType, dequantise } from "./dequantise.ts";
import { type Gguf, readGguf } from "./gguf.ts";
import type { LlamaShape } from "./llama-graph.ts";
import { json, writeModelFolder } from "./model-folder.ts";

const revision = 2;

export interface OnnxModelOptions extends ObtainOptions {
  /**
   * Layers to take, from the first on: 30 is the whole model. Fewer are real weights of real shapes that
   * compute faster, and say nothing sensible. Default 30.
   */
  readonly layers?: number;
}

/**
 * A folder with SmolLM2-135M-Instruct as transformers.js loads it, made of the GGUF file that
 * {@link obtainSmollm2} brings; kept in the user's cache folder.
 *
 * @throws KeepwarmError `NOT_FOUND` when the weights cannot be had
 */
export async function obtainOnnxSmollm2({
  layers = 30,
  onProgress,
}: OnnxModelOptions = {}): Promise<string> {
  const file = await obtain({
    name: `smollm2-135m-onnx-${layers}-layers-${revision}`,
    title: `SmolLM2-135M-Instruct as ONNX, ${layers} layers`,
    file: join("onnx", "model.onnx"),
    onProgress,
    make: async (folder) => convert(await obtainSmollm2({ onProgress }), folder, layers),
  });
  return dirname(dirname(file));
}

async function convert(path: string, folder: string, layers: number): Promise<void> {
  const gguf = await readGguf(path);
  const shape = { ...shapeOf(gguf), layers };
  const file = await open(path);
  try {
    const source = async (name: string): Promise<Float32Array> => {
      const { type, dims, offset } = gguf.tensors.get(`${name}.weight`)!;
      const elements = dims.reduce((product, size) => product * size, 1);
      const bytes = Buffer.alloc(bytesOfType(type, elements));
      await file.read(bytes, 0, bytes.length, offset);
      const values = dequantise(type, bytes, elements);
      return /attn_[qk]$/.test(name) ? halvesApart(values, dims[0], shape.headDim) : values;
    };
    const tokens = { bos: number(gguf, "tokenizer.ggml.bos_token_id"), eos: endToken(gguf) };
    await writeModelFolder(folder, shape, source, tokens);
  } finally {
    await file.close();
  }
  await writeFile(join(folder, "tokenizer.json"), json(tokenizerOf(gguf)));
  await writeFile(join(folder, "tokenizer_config.json"), json(tokenizerConfigOf(gguf)));
}

function shapeOf(gguf: Gguf): LlamaShape {
  const width = number(gguf, "llama.embedding_length");
  const heads = number(gguf, "llama.attention.head_count");
  return {
    layers: number(gguf, "llama.block_count"),
    width,
    heads,
    kvHeads: number(gguf, "llama.attention.head_count_kv"),
    headDim: width / heads,
    hidden: number(gguf, "llama.feed_forward_length"),
    vocabulary: number(gguf, "llama.vocab_size"),
    ropeTheta: number(gguf, "llama.rope.freq_base"),
    epsilon: number(gguf, "llama.attention.layer_norm_rms_epsilon"),
    contextLength: number(gguf, "llama.context_length"),
  };
}

/** llama.cpp turns pairs of neighbours, transformers turns halves of a head: rows back to where they were. */
function halvesApart(values: Float32Array, columns: number, headDim: number): Float32Array {
  const turned = new Float32Array(values.length);
  const half = headDim / 2;
  for (let row = 0; row < values.length / columns; row++) {
    const inHead = row % headDim;
    const to = row - inHead + (inHead % 2) * half + Math.floor(inHead / 2);
    turned.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return turned;
}

function tokenizerOf(gguf: Gguf): object {
  const tokens = gguf.metadata.get("tokenizer.ggml.tokens") as string[];
  const kinds = gguf.metadata.get("tokenizer.ggml.token_type") as number[];
  const special = tokens.flatMap((content, id) => (kinds[id] === 3 ? [{ id, content }] : []));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((token) => ({
      ...token,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Digits", individual_digits: true },
        { ...byteLevel, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { ...byteLevel, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: gguf.metadata.get("tokenizer.ggml.merges"),
    },
  };
}

function tokenizerConfigOf(gguf: Gguf): object {
  const tokens = gguf.metadata.get("tokenizer.ggml.tokens") as string[];
  return {
    tokenizer_class: "GPT2Tokenizer",
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
    bos_token: tokens[number(gguf, "tokenizer.ggml.bos_token_id")],
    eos_token: tokens[endToken(gguf)],
    pad_token: tokens[endToken(gguf)],
    unk_token: tokens[0],
    chat_template: gguf.metadata.get("tokenizer.chat_template"),
    model_max_length: number(gguf, "llama.context_length"),
  };
}

function endToken(gguf: Gguf): number {
  return number(gguf, "tokenizer.ggml.eos_token_id");
}

function number(gguf: Gguf, name: string): number {
  return Number(gguf.metadata.get(name));
}
