import type { PastKeyValues, TensorLike, TransformersLike } from "./types.ts";

/** What of the options of `generate` matters here. */
export interface GenerateOptions {
  readonly inputs?: TensorLike | null;
  readonly input_ids?: TensorLike | null;
  readonly attention_mask?: TensorLike | null;
  readonly position_ids?: TensorLike | null;
  readonly inputs_embeds?: TensorLike | null;
  readonly past_key_values?: PastKeyValues | null;
  readonly generation_config?: object | null;
}

/** The token ids of the one prompt that `generate` is called for; nothing if it is not as simple as that. */
export function promptOf(
  options: GenerateOptions,
  modelConfig: object | null | undefined,
): number[] | undefined {
  const ids = options.input_ids ?? options.inputs ?? undefined;
  const mask = options.attention_mask ?? undefined;
  if ((options.position_ids ?? options.inputs_embeds ?? undefined) !== undefined) return undefined;
  for (const name of ["num_beams", "num_return_sequences", "guidance_scale"])
    for (const config of [options, options.generation_config, modelConfig])
      if (Number(Reflect.get(config ?? {}, name) ?? 1) > 1) return undefined;
  if (ids?.dims.length !== 2 || ids.dims[0] !== 1) return undefined;
  const tokens = idsOf(ids);
  // Padding moves positions; a longer mask says that ids of tokens before are not given.
  const plain = mask?.dims[1] === tokens.length && idsOf(mask).every((seen) => seen === 1);
  if (mask !== undefined && !plain) return undefined;
  const before = options.past_key_values?.get_seq_length() ?? 0;
  if (before > 0 && (mask === undefined || before >= tokens.length)) return undefined;
  return tokens;
}

/** The ids of all tokens after `generate`: it returns them alone or with other things. */
export function sequenceOf(result: unknown): number[] | undefined {
  if (typeof result !== "object" || result === null) return undefined;
  const tensor = ("sequences" in result ? result.sequences : result) as Partial<TensorLike>;
  return tensor.dims?.[0] === 1 && tensor.data !== undefined
    ? idsOf(tensor as TensorLike)
    : undefined;
}

/** A mask that says that all tokens are seen. */
export function onesMask({ Tensor }: TransformersLike, length: number): TensorLike {
  const ones = new BigInt64Array(length).fill(1n);
  return new Tensor("int64" as never, ones as never, [1, length]);
}

function idsOf({ data }: TensorLike): number[] {
  return Array.from(data as ArrayLike<bigint | number>, Number);
}
