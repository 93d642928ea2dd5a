import { describe, expect, it } from "vitest";
import { promptOf } from "../../../src/adapters/transformers/prompt.ts";
import { shapeOf } from "../../../src/adapters/transformers/kv-shape.ts";
import type {
  InputMetadata,
  TransformersModelLike,
} from "../../../src/adapters/transformers/types.ts";
import { isKeepwarmError } from "../../../src/errors.ts";
import {
  answer,
  loadModel,
  onesOf,
  ramStore,
  serve,
  tensorOf,
  tinyFolder,
  transformers,
} from "./support.ts";
import { tokensOf } from "./tokens.ts";

/** Inputs of a model with two layers, and what else. */
function inputsWith(more: readonly InputMetadata[] = []): InputMetadata[] {
  const shape = ["batch_size", 2, "past_sequence_length", 16];
  const pasts = [0, 1].flatMap((layer) =>
    ["key", "value"].map((name) => ({
      name: `past_key_values.${layer}.${name}`,
      type: "float32",
      shape,
    })),
  );
  const ids = { name: "input_ids", type: "int64", shape: ["batch_size", "sequence_length"] };
  return [ids, ...pasts, ...more];
}

function generate(): Promise<unknown> {
  return Promise.resolve();
}

function modelWith(
  config: object,
  inputs: readonly InputMetadata[] = inputsWith(),
  session: object = {},
): TransformersModelLike {
  return { config, sessions: { model: { inputMetadata: inputs, ...session } }, generate };
}

describe("what a model's state is made of", () => {
  it("is read from its inputs", () => {
    expect(shapeOf(modelWith({ model_type: "llama" }))).toEqual({
      type: "float32",
      elementBytes: 4,
      storedBytes: 4,
      tokenBytes: 4 * 2 * 16 * 4,
      tensors: inputsWith()
        .slice(1)
        .map(({ name }) => ({ name, heads: 2, headDim: 16 })),
    });
  });

  it.each([
    ["an encoder", modelWith({ is_encoder_decoder: true }), /encoder/],
    ["sliding layers", modelWith({ layer_types: ["full_attention", "sliding_attention"] }), /slid/],
    ["linear layers", modelWith({ layer_types: ["linear_attention"] }), /linear_attention/],
    ["sliding windows", modelWith({ sliding_window: 4096 }), /sliding windows/],
    ["ropes that change", modelWith({ rope_scaling: { type: "longrope" } }), /longrope/],
    ["dynamic ropes", modelWith({ rope_parameters: { rope_type: "dynamic" } }), /dynamic/],
    ["states", modelWith({}, inputsWith([{ name: "past_conv.0", type: "float32" }])), /past_conv/],
    ["embeddings", modelWith({}, inputsWith([{ name: "token_type_ids" }])), /token_type_ids/],
    ["no ids", modelWith({}, inputsWith().slice(1)), /no token ids/],
    ["another device", modelWith({}, inputsWith(), { config: { device: "webgpu" } }), /webgpu/],
    ["no keys and values", modelWith({}, inputsWith().slice(0, 1)), /type undefined/],
    [
      "keys of another shape",
      modelWith({}, [
        ...inputsWith(),
        { name: "past_key_values.2.key", type: "float32", shape: ["batch_size x heads", 16, "n"] },
      ]),
      /shape \[batch_size x heads,16,n\]/,
    ],
    ["several parts", { ...modelWith({}), sessions: { model: {}, encoder: {} } }, /several parts/],
  ])("is refused with %s", (_, model, reason) => {
    expect(shapeOf(model)).toMatch(reason);
  });

  it.each([
    ["windows that are off", { sliding_window: 4096, use_sliding_window: false }],
    ["windows as long as a text gets", { sliding_window: 2048, max_position_embeddings: 2048 }],
    ["full layers alone", { sliding_window: 4096, layer_types: ["full_attention"] }],
    ["ropes that do not change", { rope_scaling: { type: "yarn", factor: 4 } }],
  ])("is taken with %s", (_, config) => {
    expect(shapeOf(modelWith(config))).toMatchObject({ type: "float32" });
  });
});

const ids = tensorOf([1, 2, 3]);

describe("prompts that are not served", () => {
  it.each([
    ["two at once", { input_ids: new transformers.Tensor("int64", new BigInt64Array(4), [2, 2]) }],
    ["padding", { input_ids: ids, attention_mask: tensorOf([0, 1, 1]) }],
    ["tokens before that are not given", { input_ids: ids, attention_mask: onesOf(5) }],
    ["positions of their own", { input_ids: ids, position_ids: tensorOf([4, 5, 6]) }],
    ["embeddings", { input_ids: ids, inputs_embeds: ids }],
    ["beams", { input_ids: ids, num_beams: 4 }],
    ["beams of a configuration", { input_ids: ids, generation_config: { num_beams: 2 } }],
    ["several answers", { input_ids: ids, num_return_sequences: 2 }],
    ["no tokens", {}],
  ])("are those with %s", (_, options) => {
    expect(promptOf(options as never, {})).toBeUndefined();
  });

  it("are told from plain ones", () => {
    expect(promptOf({ input_ids: ids, attention_mask: onesOf(3) }, { num_beams: 1 })).toEqual([
      1, 2, 3,
    ]);
    expect(promptOf({ inputs: ids, past_key_values: null }, undefined)).toEqual([1, 2, 3]);
    expect(promptOf({ input_ids: ids }, { num_beams: 3 })).toBeUndefined();
  });

  it("are answered as without a store, and leave nothing in it", async () => {
    const folder = await tinyFolder();
    const rows = [...tokensOf(1, 20), ...tokensOf(2, 20)];
    const batch = {
      input_ids: new transformers.Tensor("int64", BigInt64Array.from(rows, BigInt), [2, 20]),
      attention_mask: new transformers.Tensor("int64", new BigInt64Array(40).fill(1n), [2, 20]),
      max_new_tokens: 5,
      do_sample: false,
      eos_token_id: -1,
    };
    const plain = await loadModel(folder);
    const wanted = (await plain.generate(batch)) as { data: BigInt64Array };
    await plain.dispose();
    await using served = await serve(folder, ramStore());
    const { data } = (await served.model.generate(batch)) as { data: BigInt64Array };
    await served.cache.settled();
    expect(data).toEqual(wanted.data);
    expect(served.attached.lastReuse).toMatchObject({
      status: "MISS",
      reason: "unsupported-prompt",
    });
    expect(served.cache.stats()).toMatchObject({ prompts: 1, storedTokens: 0 });
  });
});

it("leaves a model that cannot be served as it is, and says why", async () => {
  const folder = await tinyFolder();
  const store = ramStore();
  await using other = await serve(folder, store);
  const model = await loadModel(folder);
  Object.assign(model.config, { sliding_window: 32 });
  const attached = await other.cache.attach(model);
  expect(attached.declined).toMatch(/sliding windows/);
  expect(Object.hasOwn(model, "generate")).toBe(false);
  const { past_key_values: past, report } = await attached.restore(tokensOf(1, 20));
  expect(past.get_seq_length()).toBe(0);
  expect(report).toMatchObject({ status: "MISS", reason: "unsupported-model", promptTokens: 19 });
  expect(await attached.keep(tokensOf(1, 20), past)).toMatchObject({ status: "SKIPPED" });
  expect((await answer(model, tokensOf(1, 20))).tokens).toHaveLength(12);
  attached.detach();
  await model.dispose();
});

it("does not serve a model of another copy of transformers.js", async () => {
  await using served = await serve(await tinyFolder(), ramStore());
  const stranger = modelWith({});
  const refused = await served.cache.attach(stranger).catch((error: unknown) => error);
  expect(isKeepwarmError(refused, "INPUT_INVALID")).toBe(true);
});

it("says that it needs the model's file, or a revision", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  const refused = await serve(folder, store, { model: "nobody/nothing" }).catch(
    (error: unknown) => error,
  );
  expect(isKeepwarmError(refused, "NOT_FOUND")).toBe(true);
  await using served = await serve(folder, store, { model: "nobody/nothing", revision: "main-1" });
  await answer(served.model, tokensOf(1, 20));
  await served.cache.settled();
  expect(served.attached.lastKeep).toMatchObject({ status: "STORED" });
});
