import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LlamaShape } from "./llama-graph.ts";
import { writeModelFolder } from "./model-folder.ts";

/** A shape with grouped queries that computes in an instant. */
const tinyShape: LlamaShape = {
  layers: 3,
  width: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  hidden: 96,
  vocabulary: 300,
  ropeTheta: 10_000,
  epsilon: 1e-5,
  contextLength: 2048,
};

/** A model without a tokenizer whose weights are random, but the same for the same seed; in a new folder. */
export async function randomModel(seed: number, shape: LlamaShape = tinyShape): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keepwarm-onnx-"));
  const next = randomNumbers(seed);
  const source = (name: string, dims: readonly number[]): Float32Array => {
    const count = dims.reduce((product, size) => product * size, 1);
    if (name.endsWith("norm")) return new Float32Array(count).fill(1);
    const spread = 2 * Math.sqrt(3 / dims.at(-1)!);
    return Float32Array.from({ length: count }, () => (next() - 0.5) * spread);
  };
  await writeModelFolder(folder, shape, source, { bos: 0, eos: shape.vocabulary - 1 });
  return folder;
}

/** Numbers from 0 to 1, by mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
