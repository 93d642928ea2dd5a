import type { InputMetadata, TransformersModelLike } from "./types.ts";

const pastName = /^past_key_values\.\d+\.(key|value)$/;
const ordinaryInputs = new Set([
  "input_ids",
  "attention_mask",
  "position_ids",
  "num_logits_to_keep",
  "use_cache_branch",
]);
const elementSizes: Readonly<Record<string, number>> = { float32: 4, float16: 2 };
/** Ways to stretch positions that turn keys differently once a text is long: those of before are then wrong. */
const changingRopes = new Set(["dynamic", "longrope", "su"]);

/** One of a model's tensors of keys or values: `[1, heads, tokens, headDim]`. */
interface KvTensorShape {
  /** Its name as an input, and in a `DynamicCache`. */
  readonly name: string;
  readonly heads: number;
  readonly headDim: number;
}

/** What a model keeps for the tokens before. */
export interface KvShape {
  readonly tensors: readonly KvTensorShape[];
  readonly type: "float32" | "float16";
  /** Bytes of a number in memory. */
  readonly elementBytes: number;
  /** Bytes of a number in a store: fewer when numbers are rounded for it. */
  readonly storedBytes: number;
  /** Bytes of all keys and values of a token, in memory. */
  readonly tokenBytes: number;
}

/** What of a session is used. */
export interface SessionLike {
  readonly inputMetadata?: readonly InputMetadata[] | undefined;
  readonly config?: { readonly dtype?: string; readonly device?: string } | undefined;
}

/** The session that decodes: the only one of a model that has text alone. */
export function sessionOf({ sessions }: TransformersModelLike): SessionLike | undefined {
  const all = Object.entries(sessions as Record<string, SessionLike>);
  return all.length === 1 && all[0][0] === "model" ? all[0][1] : undefined;
}

/**
 * What `model` keeps for the tokens before; or in words, why that cannot be cut into tokens.
 *
 * @param storeAs What float32 numbers are rounded to for a store. Default: they are not.
 */
export function shapeOf(model: TransformersModelLike, storeAs?: "float16"): KvShape | string {
  const session = sessionOf(model);
  if (session === undefined)
    return "the model has several parts, such as an encoder: its state depends on more than text";
  const { inputMetadata = [], config = {} } = session;
  const { device = "cpu" } = config;
  if (device !== "cpu") return `the model's state is with the device ${device}, not in memory`;
  return problemOf(model.config, inputMetadata) ?? shapeOfInputs(inputMetadata, storeAs);
}

/** The same for the inputs of a model. */
function shapeOfInputs(
  inputs: readonly InputMetadata[],
  storeAs: "float16" | undefined,
): KvShape | string {
  const pasts = inputs.filter(({ name }) => pastName.test(name));
  const type = pasts[0]?.type;
  const elementBytes = elementSizes[type ?? ""];
  if (elementBytes === undefined || pasts.some((each) => each.type !== type))
    return `the model's state is of the type ${type}, which is not known here`;
  const tensors: KvTensorShape[] = [];
  for (const { name, shape = [] } of pasts) {
    const [, heads, , headDim] = shape;
    if (shape.length !== 4 || typeof heads !== "number" || typeof headDim !== "number")
      return `the model's ${name} is of the shape [${shape.join()}], which cannot be cut into tokens`;
    tensors.push({ name, heads, headDim });
  }
  const numbers = tensors.reduce((sum, { heads, headDim }) => sum + heads * headDim, 0);
  const tokenBytes = numbers * elementBytes;
  const storedBytes = elementSizes[storeAs ?? ""] ?? elementBytes;
  return { tensors, type: type as KvShape["type"], elementBytes, storedBytes, tokenBytes };
}

/** What of a model's description makes its state depend on more than each token and those before. */
function problemOf(config: object, inputs: readonly InputMetadata[]): string | undefined {
  const strange = inputs.find(({ name }) => !ordinaryInputs.has(name) && !pastName.test(name));
  if (!inputs.some(({ name }) => name === "input_ids")) return "the model takes no token ids";
  if (strange !== undefined)
    return `the model keeps or takes ${strange.name} besides keys and values`;
  const {
    is_encoder_decoder: encoder,
    layer_types: layers,
    sliding_window: window,
    use_sliding_window: slides = true,
    max_position_embeddings: longest,
    rope_scaling: scaling,
    rope_parameters: rope = scaling,
  } = config as Readonly<Record<string, unknown>>;
  if (encoder === true) return "the model has an encoder: its state depends on more than text";
  const other = Array.isArray(layers) && layers.find((layer) => layer !== "full_attention");
  if (typeof other === "string")
    return `the model has layers of the type ${other}, whose state cannot be cut into tokens`;
  const shortens = typeof longest !== "number" || (typeof window === "number" && window < longest);
  if (typeof window === "number" && slides !== false && shortens && !Array.isArray(layers))
    return "the model has sliding windows, whose state cannot be cut into tokens";
  const kind = kindOfRope(rope);
  if (kind !== undefined && changingRopes.has(kind))
    return `the model's positions (${kind}) change when a text grows long`;
  return undefined;
}

function kindOfRope(rope: unknown): string | undefined {
  if (typeof rope !== "object" || rope === null) return undefined;
  const { rope_type: kind, type = kind } = rope as Readonly<Record<string, unknown>>;
  return typeof type === "string" ? type : undefined;
}
