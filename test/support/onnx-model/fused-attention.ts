import type { Graph } from "./graph.ts";
import type { LlamaShape } from "./llama-graph.ts";

/** Values that all layers with onnxruntime's own attention share. */
export interface FusedInputs {
  /** Tokens before the last, of each prompt: int32. */
  readonly before: string;
  /** Tokens of the longest prompt: int32. */
  readonly total: string;
  readonly cos: string;
  readonly sin: string;
}

export function fusedInputs(
  graph: Graph,
  { contextLength, headDim, ropeTheta }: LlamaShape,
  mask: string,
): FusedInputs {
  const int32 = (value: string): string => graph.op("Cast", [value], { to: 6 });
  const seen = graph.op("ReduceSum", [mask, graph.ints([1])], { keepdims: 0 });
  const length = graph.op("Gather", [graph.op("Shape", [mask]), graph.ints(1)]);
  const half = headDim / 2;
  const turned = (of: (angle: number) => number): string =>
    graph.floats(
      [contextLength, half],
      Array.from({ length: contextLength * half }, (_, at) =>
        of(Math.floor(at / half) * ropeTheta ** ((-2 * (at % half)) / headDim)),
      ),
    );
  return {
    before: int32(graph.op("Sub", [seen, graph.ints(1)])),
    total: int32(length),
    cos: turned(Math.cos),
    sin: turned(Math.sin),
  };
}

/**
 * Attention by onnxruntime's own operator, which exporters of published models use: turns queries and keys, and
 * keeps keys and values.
 *
 * @returns what was attended to, keys, and values
 */
export function fusedAttention(
  graph: Graph,
  { heads, kvHeads, headDim }: LlamaShape,
  projected: readonly [query: string, key: string, value: string],
  past: { readonly key: string; readonly value: string },
  { before, total, cos, sin }: FusedInputs,
): string[] {
  const inputs = [...projected, past.key, past.value, before, total, cos, sin];
  return graph.ops("com.microsoft.GroupQueryAttention", inputs, 3, {
    num_heads: heads,
    kv_num_heads: kvHeads,
    scale: { float: headDim ** -0.5 },
    do_rotary: 1,
  });
}
