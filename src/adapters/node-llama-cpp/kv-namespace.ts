import type { KvNamespace } from "../../engine/types.ts";
import { hashOfJson } from "../shared/model-identity.ts";
import type { StateShape } from "./state-shape.ts";
import type { LlamaModelLike } from "./types.ts";

/** ggml's element types by their numbers, as LMCache spells those that it knows. */
const types: Readonly<Record<number, string>> = {
  0: "float32",
  1: "float16",
  2: "q4_0",
  3: "q4_1",
  6: "q5_0",
  7: "q5_1",
  8: "q8_0",
  20: "iq4_nl",
  30: "bfloat16",
};

/** What must be equal for states to be interchangeable; how many streams there are need not. */
export function namespaceOf(
  model: LlamaModelLike,
  fileHash: string,
  { sheets }: StateShape,
  { lora, salt }: { lora?: string | undefined; salt?: string | undefined },
): KvNamespace {
  const [keys, values] = [sheets[0], sheets.at(-1)!].map(
    ({ type }) => types[type] ?? `ggml${type}`,
  );
  // With and without flash attention, what is computed differs by more than the last bits.
  const attention = sheets.at(-1)!.transposedBytes === 0 ? "flash" : "plain";
  const metadata = model.fileInfo.metadata as Readonly<Record<string, unknown>>;
  const general = (metadata["general"] ?? {}) as Readonly<Record<string, unknown>>;
  const architecture = textOf(general["architecture"]) ?? "";
  const name = textOf(general["basename"]) ?? textOf(general["name"]) ?? model.filename;
  return {
    model: `${name ?? architecture}-${fileHash.slice(0, 12)}`,
    // The architecture's numbers have what was overridden when the model was loaded, such as rope's.
    revision: hashOfJson([fileHash, architecture, metadata[architecture]]),
    dtype: keys === values ? keys : `${keys}_${values}`,
    layout: `ggsq3/${attention}/${hashOfJson(sheets.map(({ type, rowBytes }) => [type, rowBytes]))}`,
    lora,
    salt,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
