import { Message } from "./protobuf.ts";

// Field numbers are those of onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

const irVersion = 8;
const opsetVersion = 17;
/** Where onnxruntime keeps operators of its own. */
const ownDomain = "com.microsoft";

/** Element types of ONNX tensors. */
const elementTypes = { float32: 1, int64: 7, bool: 9, float16: 10 } as const;
export type ElementType = keyof typeof elementTypes;

/** Where the elements of a weight are, in a file beside the model's. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

type Attribute = number | readonly number[] | { readonly float: number };

/** An ONNX graph that grows node by node. Values are known by their names. */
export class Graph {
  readonly #nodes: Message[] = [];
  readonly #initializers: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  readonly #constants = new Map<string, string>();
  #count = 0;

  /** An input; its dimensions are numbers or names. */
  input(name: string, type: ElementType, shape: readonly (number | string)[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Makes a value an output, under this name. */
  output(
    name: string,
    value: string,
    type: ElementType,
    shape: readonly (number | string)[],
  ): void {
    this.#outputs.push(valueInfo(name, type, shape));
    this.#nodes.push(nodeOf("Identity", [value], [name], {}));
  }

  /** A weight of float32, whose elements are in another file. */
  weight(
    name: string,
    shape: readonly number[],
    { location, offset, length }: ExternalData,
  ): string {
    const tensor = tensorOf(name, "float32", shape);
    for (const [key, value] of Object.entries({ location, offset, length }))
      tensor.message(13, new Message().text(1, key).text(2, String(value)));
    this.#initializers.push(tensor.int(14, 1));
    return name;
  }

  /** Whole numbers that never change; a lone number is a scalar. */
  ints(values: number | readonly number[]): string {
    const list = typeof values === "number" ? [values] : values;
    const bytes = Buffer.alloc(list.length * 8);
    for (const [index, value] of list.entries()) bytes.writeBigInt64LE(BigInt(value), index * 8);
    return this.#constant("int64", typeof values === "number" ? [] : [list.length], bytes);
  }

  /** Floats that never change. */
  floats(shape: readonly number[], values: readonly number[]): string {
    return this.#constant("float32", shape, Buffer.from(Float32Array.from(values).buffer));
  }

  /** The value that an operator makes of others. */
  op(type: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}): string {
    return this.ops(type, inputs, 1, attributes)[0];
  }

  /** The values that an operator with several results makes of others. */
  ops(
    type: string,
    inputs: readonly string[],
    results: number,
    attributes: Record<string, Attribute> = {},
  ): string[] {
    const outputs = Array.from({ length: results }, () => `v${this.#count++}`);
    this.#nodes.push(nodeOf(type, inputs, outputs, attributes));
    return outputs;
  }

  /** The model file. */
  encode(): Buffer {
    const graph = new Message();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, "model");
    for (const tensor of this.#initializers) graph.message(5, tensor);
    for (const value of this.#inputs) graph.message(11, value);
    for (const value of this.#outputs) graph.message(12, value);
    return new Message()
      .int(1, irVersion)
      .text(2, "keepwarm-tests")
      .message(7, graph)
      .message(8, new Message().text(1, "").int(2, opsetVersion))
      .message(8, new Message().text(1, ownDomain).int(2, 1))
      .encode();
  }

  #constant(type: ElementType, shape: readonly number[], bytes: Buffer): string {
    const what = `${type} ${shape.join()} ${bytes.toString("base64")}`;
    const known = this.#constants.get(what);
    if (known !== undefined) return known;
    const name = `c${this.#constants.size}`;
    this.#constants.set(what, name);
    this.#initializers.push(tensorOf(name, type, shape).bytes(9, bytes));
    return name;
  }
}

function tensorOf(name: string, type: ElementType, shape: readonly number[]): Message {
  const tensor = new Message();
  for (const size of shape) tensor.int(1, size);
  return tensor.int(2, elementTypes[type]).text(8, name);
}

function valueInfo(name: string, type: ElementType, shape: readonly (number | string)[]): Message {
  const dims = new Message();
  for (const size of shape)
    dims.message(
      1,
      typeof size === "number" ? new Message().int(1, size) : new Message().text(2, size),
    );
  const tensor = new Message().int(1, elementTypes[type]).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

function nodeOf(
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Record<string, Attribute>,
): Message {
  const node = new Message();
  for (const name of inputs) node.text(1, name);
  for (const name of outputs) node.text(2, name);
  node.text(3, outputs[0]).text(4, type.replace(`${ownDomain}.`, ""));
  if (type.startsWith(ownDomain)) node.text(7, ownDomain);
  for (const [name, value] of Object.entries(attributes)) node.message(5, attributeOf(name, value));
  return node;
}

function attributeOf(name: string, value: Attribute): Message {
  const attribute = new Message().text(1, name);
  if (typeof value === "number") return attribute.int(3, value).int(20, 2);
  if ("float" in value) return attribute.float(2, value.float).int(20, 1);
  for (const each of value) attribute.int(8, each);
  return attribute.int(20, 7);
}
