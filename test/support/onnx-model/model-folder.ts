import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Graph } from "./graph.ts";
import { layerWeights, llamaGraph, type LlamaShape } from "./llama-graph.ts";
import { WeightsFile } from "./weights-file.ts";

/** Makes the elements of a weight, rows of outputs by columns of inputs. */
export type WeightSource = (
  name: string,
  shape: readonly number[],
) => Float32Array | Promise<Float32Array>;

/** Special tokens of a model. */
export interface SpecialTokens {
  readonly bos: number;
  readonly eos: number;
}

/**
 * Fills a folder with a model as transformers.js loads it: `onnx/model.onnx` with keys and values in float32,
 * `onnx/model_fp16.onnx` with the same weights and keys and values in float16, and `onnx/fused.onnx` with attention
 * by onnxruntime's own operator.
 */
export async function writeModelFolder(
  folder: string,
  shape: LlamaShape,
  source: WeightSource,
  special: SpecialTokens,
): Promise<void> {
  const onnx = join(folder, "onnx");
  await mkdir(onnx, { recursive: true });
  const data = "model.onnx_data";
  const weights = await WeightsFile.create(join(onnx, data), data);
  try {
    for (const [name, dims] of weightsOf(shape)) await weights.add(name, await source(name, dims));
  } finally {
    await weights.close();
  }
  const kinds = { model: "float32", model_fp16: "float16", fused: "fused" } as const;
  for (const [name, kind] of Object.entries(kinds)) {
    const graph = new Graph();
    const named = new Set<string>();
    llamaGraph(graph, shape, kind, (weight, dims) => {
      if (!named.has(weight)) graph.weight(weight, dims, weights.placeOf(weight));
      named.add(weight);
      return weight;
    });
    await writeFile(join(onnx, `${name}.onnx`), graph.encode());
  }
  await writeFile(join(folder, "config.json"), json(configOf(shape, special)));
  await writeFile(
    join(folder, "generation_config.json"),
    json({ bos_token_id: special.bos, eos_token_id: special.eos, pad_token_id: special.eos }),
  );
}

function weightsOf(shape: LlamaShape): [string, readonly number[]][] {
  const { layers, width, vocabulary } = shape;
  const perLayer = Object.entries(layerWeights(shape));
  return [
    ["token_embd", [vocabulary, width]],
    ...Array.from({ length: layers }, (_, layer) =>
      perLayer.map(([name, dims]): [string, readonly number[]] => [`blk.${layer}.${name}`, dims]),
    ).flat(),
    ["output_norm", [width]],
  ];
}

function configOf(shape: LlamaShape, { bos, eos }: SpecialTokens): object {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    is_encoder_decoder: false,
    bos_token_id: bos,
    eos_token_id: eos,
    hidden_size: shape.width,
    intermediate_size: shape.hidden,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.headDim,
    max_position_embeddings: shape.contextLength,
    rms_norm_eps: shape.epsilon,
    rope_theta: shape.ropeTheta,
    vocab_size: shape.vocabulary,
    tie_word_embeddings: true,
  };
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 1)}\n`;
}
