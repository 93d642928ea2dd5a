import { fusedAttention, type FusedInputs, fusedInputs } from "./fused-attention.ts";
import type { Graph } from "./graph.ts";

/** The shape of a decoder of the Llama family, with grouped queries. */
export interface LlamaShape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly ropeTheta: number;
  readonly epsilon: number;
  readonly contextLength: number;
}

/** Names a weight of the graph: where its elements are, rows of outputs by columns of inputs. */
export type WeightOf = (name: string, shape: readonly number[]) => string;

/** The weights of a layer, with their shapes. */
export function layerWeights(shape: LlamaShape): Record<string, readonly number[]> {
  const { width, heads, kvHeads, headDim, hidden } = shape;
  return {
    attn_norm: [width],
    attn_q: [heads * headDim, width],
    attn_k: [kvHeads * headDim, width],
    attn_v: [kvHeads * headDim, width],
    attn_output: [width, heads * headDim],
    ffn_norm: [width],
    ffn_gate: [hidden, width],
    ffn_up: [hidden, width],
    ffn_down: [width, hidden],
  };
}

/**
 * How attention is computed: by plain operators, with keys and values in float32 or float16, or by onnxruntime's
 * own operator.
 */
export type AttentionKind = "float32" | "float16" | "fused";

/**
 * A decoder as exporters of transformers models lay it out: past keys and values in, all of them out; weights and
 * arithmetic in float32, the output layer shared with the embedding.
 */
export function llamaGraph(
  graph: Graph,
  shape: LlamaShape,
  kind: AttentionKind,
  weight: WeightOf,
): void {
  const kvType = kind === "float16" ? "float16" : "float32";
  const { layers, width, kvHeads, headDim, vocabulary } = shape;
  const ids = graph.input("input_ids", "int64", ["batch_size", "sequence_length"]);
  const mask = graph.input("attention_mask", "int64", ["batch_size", "total_sequence_length"]);
  const keep = graph.input("num_logits_to_keep", "int64", []);
  const embedding = weight("token_embd", [vocabulary, width]);
  const around =
    kind === "fused" ? fusedInputs(graph, shape, mask) : plainInputs(graph, shape, ids, mask);
  let state = graph.op("Gather", [embedding, ids]);
  for (let layer = 0; layer < layers; layer++) {
    const kv = (name: "key" | "value", length: string): [string, (string | number)[]] => [
      `${layer}.${name}`,
      ["batch_size", kvHeads, length, headDim],
    ];
    const past = (name: "key" | "value"): string => {
      const [tail, dims] = kv(name, "past_sequence_length");
      return graph.input(`past_key_values.${tail}`, kvType, dims);
    };
    const pasts = { key: past("key"), value: past("value") };
    const named: WeightOf = (name, dims) => weight(`blk.${layer}.${name}`, dims);
    const made = attention(graph, shape, state, pasts, around, kind, named);
    for (const name of ["key", "value"] as const) {
      const [tail, dims] = kv(name, "total_sequence_length");
      graph.output(`present.${tail}`, made[name], kvType, dims);
    }
    state = graph.op("Add", [state, made.state]);
    state = graph.op("Add", [state, feedForward(graph, shape, state, named)]);
  }
  const last = graph.op("Slice", [
    state,
    graph.op("Reshape", [graph.op("Neg", [keep]), graph.ints([1])]),
    graph.ints([2 ** 31 - 1]),
    graph.ints([1]),
  ]);
  const normed = norm(graph, shape, last, weight("output_norm", [width]));
  const logits = linear(graph, normed, embedding, width, vocabulary);
  graph.output("logits", logits, "float32", ["batch_size", "kept_length", vocabulary]);
}

interface PlainInputs {
  readonly mask: string;
  readonly cos: string;
  readonly sin: string;
}

function plainInputs(graph: Graph, shape: LlamaShape, ids: string, mask: string): PlainInputs {
  const positions = graph.input("position_ids", "int64", ["batch_size", "sequence_length"]);
  return { mask: maskFor(graph, ids, mask), ...rotation(graph, shape, positions) };
}

function attention(
  graph: Graph,
  shape: LlamaShape,
  state: string,
  past: { readonly key: string; readonly value: string },
  around: FusedInputs | PlainInputs,
  kind: AttentionKind,
  weight: WeightOf,
): { state: string; key: string; value: string } {
  const { width, heads, kvHeads, headDim } = shape;
  const shapes = layerWeights(shape);
  const x = norm(graph, shape, state, weight("attn_norm", shapes["attn_norm"]));
  const project = (name: string, count: number): string =>
    linear(graph, x, weight(name, shapes[name]), width, count * headDim);
  const query = project("attn_q", heads);
  const projected = [query, project("attn_k", kvHeads), project("attn_v", kvHeads)] as const;
  const [attended, key, value] =
    "mask" in around
      ? plainAttention(graph, shape, projected, past, around, kind === "float16")
      : fusedAttention(graph, shape, projected, past, around);
  const output = weight("attn_output", shapes["attn_output"]);
  return { state: linear(graph, attended, output, heads * headDim, width), key, value };
}

function plainAttention(
  graph: Graph,
  { heads, kvHeads, headDim }: LlamaShape,
  [queries, keys, values]: readonly [query: string, key: string, value: string],
  past: { readonly key: string; readonly value: string },
  { mask, cos, sin }: PlainInputs,
  half: boolean,
): string[] {
  const split = (value: string, count: number): string => {
    const parts = graph.op("Reshape", [value, graph.ints([0, 0, count, headDim])]);
    return graph.op("Transpose", [parts], { perm: [0, 2, 1, 3] });
  };
  const rotate = (value: string): string => {
    const [first, second] = graph.ops("Split", [value], 2, { axis: 3 });
    const turned = graph.op("Concat", [graph.op("Neg", [second]), first], { axis: 3 });
    return graph.op("Add", [graph.op("Mul", [value, cos]), graph.op("Mul", [turned, sin])]);
  };
  const stored = (value: string): string => (half ? graph.op("Cast", [value], { to: 10 }) : value);
  const used = (value: string): string => (half ? graph.op("Cast", [value], { to: 1 }) : value);
  const append = (before: string, value: string): string =>
    graph.op("Concat", [before, stored(value)], { axis: 2 });
  const key = append(past.key, rotate(split(keys, kvHeads)));
  const value = append(past.value, split(values, kvHeads));
  // Queries of one group share keys and values: they are rows of one product.
  const query = rotate(split(queries, heads));
  const grouped = graph.op("Reshape", [query, graph.ints([0, kvHeads, -1, headDim])]);
  const turnedKey = graph.op("Transpose", [used(key)], { perm: [0, 1, 3, 2] });
  const products = graph.op("MatMul", [grouped, turnedKey]);
  const scaled = graph.op("Mul", [products, graph.floats([], [headDim ** -0.5])]);
  const rows = graph.op("Shape", [scaled]);
  const seen = graph.op("Slice", [graph.op("Shape", [query]), graph.ints([0]), graph.ints([3])]);
  const total = graph.op("Slice", [rows, graph.ints([3]), graph.ints([4])]);
  const apart = graph.op("Reshape", [scaled, graph.op("Concat", [seen, total], { axis: 0 })]);
  const weights = graph.op("Softmax", [graph.op("Add", [apart, mask])], { axis: 3 });
  const mixed = graph.op("MatMul", [graph.op("Reshape", [weights, rows]), used(value)]);
  const perHead = graph.op("Reshape", [mixed, graph.op("Shape", [query])]);
  const joined = graph.op("Reshape", [
    graph.op("Transpose", [perHead], { perm: [0, 2, 1, 3] }),
    graph.ints([0, 0, heads * headDim]),
  ]);
  return [joined, key, value];
}

function feedForward(graph: Graph, shape: LlamaShape, state: string, weight: WeightOf): string {
  const { width, hidden } = shape;
  const shapes = layerWeights(shape);
  const named = (name: string): string => weight(name, shapes[name]);
  const x = norm(graph, shape, state, named("ffn_norm"));
  const gate = linear(graph, x, named("ffn_gate"), width, hidden);
  const up = linear(graph, x, named("ffn_up"), width, hidden);
  const opened = graph.op("Mul", [gate, graph.op("Sigmoid", [gate])]);
  return linear(graph, graph.op("Mul", [opened, up]), named("ffn_down"), hidden, width);
}

function norm(graph: Graph, { epsilon }: LlamaShape, state: string, weight: string): string {
  const squares = graph.op("Mul", [state, state]);
  const mean = graph.op("ReduceMean", [squares], { axes: [-1], keepdims: 1 });
  const length = graph.op("Sqrt", [graph.op("Add", [mean, graph.floats([], [epsilon])])]);
  return graph.op("Mul", [graph.op("Div", [state, length]), weight]);
}

/** A product with a weight of rows of outputs: [batch, length, inputs] gives [batch, length, outputs]. */
function linear(
  graph: Graph,
  state: string,
  weight: string,
  inputs: number,
  outputs: number,
): string {
  const flat = graph.op("Reshape", [state, graph.ints([-1, inputs])]);
  const made = graph.op("Gemm", [flat, weight], { transB: 1 });
  const leading = graph.op("Slice", [graph.op("Shape", [state]), graph.ints([0]), graph.ints([2])]);
  const dims = graph.op("Concat", [leading, graph.ints([outputs])], { axis: 0 });
  return graph.op("Reshape", [made, dims]);
}

/** What is added to attention: nothing for what may be seen, a great negative number for the rest. */
function maskFor(graph: Graph, ids: string, mask: string): string {
  const lengthOf = (value: string): string => {
    const size = graph.op("Gather", [graph.op("Shape", [value]), graph.ints(1)]);
    return size;
  };
  const total = lengthOf(mask);
  const range = (from: string): string => graph.op("Range", [from, total, graph.ints(1)]);
  const columns = range(graph.ints(0));
  const first = graph.op("Sub", [total, lengthOf(ids)]);
  const rows = graph.op("Unsqueeze", [range(first), graph.ints([1])]);
  const causal = graph.op("LessOrEqual", [columns, rows]);
  const present = graph.op("Unsqueeze", [graph.op("Cast", [mask], { to: 9 }), graph.ints([1, 2])]);
  const seen = graph.op("And", [causal, present]);
  return graph.op("Where", [seen, graph.floats([], [0]), graph.floats([], [-1e9])]);
}

function rotation(
  graph: Graph,
  { headDim, ropeTheta }: LlamaShape,
  positions: string,
): { cos: string; sin: string } {
  const speeds = Array.from(
    { length: headDim / 2 },
    (_, pair) => ropeTheta ** ((-2 * pair) / headDim),
  );
  const at = graph.op("Unsqueeze", [graph.op("Cast", [positions], { to: 1 }), graph.ints([1, 3])]);
  const angles = graph.op("Mul", [at, graph.floats([1, 1, 1, headDim / 2], speeds)]);
  const both = graph.op("Concat", [angles, angles], { axis: 3 });
  return { cos: graph.op("Cos", [both]), sin: graph.op("Sin", [both]) };
}
