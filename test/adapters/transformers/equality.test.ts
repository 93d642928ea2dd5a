import { describe, expect, it } from "vitest";
import type { RuntimeCache, RuntimeModel } from "../../support/onnx-model/runtime.ts";
import {
  type Answer,
  answer,
  type Dtype,
  loadModel,
  logitsBehind,
  pastOf,
  ramStore,
  serve,
  tensorOf,
  tinyFolder,
} from "./support.ts";
import { tokensOf } from "./tokens.ts";

const kinds: readonly [kind: string, dtype: Dtype, file: string, type: string, bytes: number][] = [
  ["float32", "fp32", "model", "float32", 4],
  ["float16", "fp16", "model", "float16", 2],
  ["float32 of an operator that attends", "fp32", "fused", "float32", 4],
];

describe.each(kinds)("keys and values in %s", (_, dtype, file, type, bytes) => {
  const tokenBytes = 3 * 2 * 2 * 16 * bytes;

  it("gives logits equal in every bit to those behind what was never stored", async () => {
    const [folder, store] = [await tinyFolder(), ramStore()];
    const prompt = tokensOf(1, 61);
    await using first = await serve(folder, store, { dtype, file });
    const computed = await pastOf(first.model, prompt);
    const kept = await first.attached.keep(prompt, computed);
    expect(kept).toMatchObject({
      status: "STORED",
      tokens: 61,
      storedBytes: (56 + 4 + 5) * tokenBytes,
    });
    await using second = await serve(folder, store, { dtype, file });
    for (const length of [61, 60, 40, 33, 17]) {
      const asked = [...prompt.slice(0, length), ...tokensOf(9, 70 - length)];
      const { past_key_values: past, report } = await second.attached.restore(asked);
      const restored = past.get_seq_length();
      expect(restored).toBe(length >= 60 ? length : length - (length % 8));
      expect(report).toMatchObject({
        restoredTokens: restored,
        reusedTokens: restored,
        bytes: expect.any(Number) as number,
        tier: "ram",
      });
      const cache = past as unknown as RuntimeCache;
      expect(cache["past_key_values.0.key"]).toMatchObject({ type, dims: [1, 2, restored, 16] });
      const cold = await pastOf(second.model, asked.slice(0, restored));
      for (const name of Object.keys(cold))
        expect(bytesOf(cache[name].data).equals(bytesOf(cold[name].data))).toBe(true);
      const [warm, wanted] = [
        await logitsBehind(second.model, asked, past),
        await logitsBehind(second.model, asked, cold),
      ];
      expect(warm.length).toBe((70 - restored) * 300 * 4);
      expect(warm.equals(wanted)).toBe(true);
    }
  });

  it("generates the same tokens from the same logits", async () => {
    const [folder, store] = [await tinyFolder(), ramStore()];
    const prompt = tokensOf(2, 45);
    const plain = await loadModel(folder, dtype, file);
    const cold = await answer(plain, prompt);
    // What was computed in one go and in two may differ in its last bits, with or without a store.
    const before = await pastOf(plain, prompt.slice(0, 44));
    const inTwo = await answer(plain, prompt, { past_key_values: before });
    await plain.dispose();
    await using first = await serve(folder, store, { dtype, file });
    expect(await answer(first.model, prompt)).toEqual(cold);
    expect(first.attached.lastReuse).toMatchObject({ status: "MISS", reason: "absent" });
    await first.cache.settled();
    expect(first.attached.lastKeep).toMatchObject({ status: "STORED", tokens: 45 + 11 });
    await using second = await serve(folder, store, { dtype, file });
    const restored = await answer(second.model, prompt);
    expect(restored.tokens).toEqual(cold.tokens);
    expect(restored).toEqual(inTwo);
    expect(second.attached.lastReuse).toMatchObject({
      status: "HIT",
      promptTokens: 44,
      restoredTokens: 44,
      tiers: [{ tier: "ram", tokens: 44 }],
      reason: undefined,
    });
  });
});

it("goes on from an answer, for the next turn of a chat", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  const prompt = tokensOf(3, 30);
  await using first = await serve(folder, store);
  const { tokens } = await answer(first.model, prompt);
  await first.cache.settled();
  const next = [...prompt, ...tokens, ...tokensOf(4, 9)];
  const cold = await coldAnswer(folder, next);
  await using second = await serve(folder, store);
  expect(await answer(second.model, next)).toEqual(cold);
  // The last token of an answer was not evaluated.
  expect(second.attached.lastReuse).toMatchObject({ status: "PARTIAL", restoredTokens: 30 + 11 });
});

it("stores prompts alone when told so", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  await using served = await serve(folder, store, { storeGenerated: false });
  await answer(served.model, tokensOf(3, 30));
  await served.cache.settled();
  expect(served.attached.lastKeep).toMatchObject({ tokens: 30 });
});

it("finds where prompts part to the token, once two have parted there", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  await using served = await serve(folder, store);
  const shared = tokensOf(5, 29);
  const restored: (number | undefined)[] = [];
  for (const seed of [6, 7, 8]) {
    const prompt = [...shared, ...tokensOf(seed, 11)];
    const cold = await coldAnswer(folder, prompt);
    expect(await answer(served.model, prompt)).toEqual(cold);
    await served.cache.settled();
    restored.push(served.attached.lastReuse?.restoredTokens);
  }
  expect(restored).toEqual([0, 24, 29]);
});

it("serves a caller's own cache, in place, when the store has more than it", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  const prompt = tokensOf(6, 50);
  const cold = await coldAnswer(folder, prompt);
  await using served = await serve(folder, store);
  await answer(served.model, prompt);
  await served.cache.settled();
  const own = await pastOf(served.model, prompt.slice(0, 10));
  expect(await answer(served.model, prompt, { past_key_values: own })).toEqual(cold);
  expect(served.attached.lastReuse).toMatchObject({ residentTokens: 10, restoredTokens: 49 });
  expect(own.get_seq_length()).toBe(50 + 11);
  // It has all but the end of the next prompt by itself.
  const next = [...prompt, ...cold.tokens, 5, 6];
  const again = await answer(served.model, next, { past_key_values: own });
  expect(served.attached.lastReuse).toMatchObject({ status: "PARTIAL", reason: "resident" });
  expect(again).toEqual(await coldAnswer(folder, next));
});

it("does not store what a cache of others may hold", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  await using served = await serve(folder, store);
  const wrong = await pastOf(served.model, tokensOf(1, 20));
  await answer(served.model, tokensOf(2, 40), { past_key_values: wrong });
  await served.cache.settled();
  expect(served.attached.lastKeep).toBeUndefined();
  expect(served.cache.stats()).toMatchObject({ prompts: 1, storedTokens: 0 });
});

it("needs no attention mask, and returns what was asked for", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  const prompt = tokensOf(2, 45);
  const cold = await coldAnswer(folder, prompt);
  await using served = await serve(folder, store);
  for (const restoredTokens of [0, 44]) {
    const options = { max_new_tokens: 12, do_sample: false, eos_token_id: -1 };
    const { sequences, past_key_values: past } = (await served.model.generate({
      inputs: tensorOf(prompt),
      return_dict_in_generate: true,
      ...options,
    })) as { sequences: { data: BigInt64Array }; past_key_values: RuntimeCache };
    expect(Array.from(sequences.data, Number).slice(45)).toEqual(cold.tokens);
    expect(past.get_seq_length()).toBe(45 + 11);
    expect(served.attached.lastReuse).toMatchObject({ restoredTokens });
    await served.cache.settled();
  }
});

it("serves many prompts at once and never mixes them", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  await using served = await serve(folder, store);
  const prompts = Array.from({ length: 12 }, (_, seed) => [
    ...tokensOf(1, 16),
    ...tokensOf(seed, 20),
  ]);
  const plain = await loadModel(folder);
  const cold = [];
  for (const prompt of prompts) cold.push(await answer(plain, prompt));
  await plain.dispose();
  for (const round of ["cold", "restored"]) {
    const answers = await Promise.all(prompts.map((prompt) => answer(served.model, prompt)));
    expect(answers, round).toEqual(cold);
    await served.cache.settled();
  }
  const { prompts: count, restoredTokens } = served.cache.stats();
  expect(count).toBe(24);
  expect(restoredTokens).toBeGreaterThanOrEqual(12 * 35);
});

it("gives generate back when it is detached", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  const { model, attached, cache } = await serve(folder, store);
  attached.detach();
  await answer(model, tokensOf(1, 20));
  expect(cache.stats().prompts).toBe(0);
  expect(Object.hasOwn(model, "generate")).toBe(false);
});

async function coldAnswer(folder: string, prompt: readonly number[]): Promise<Answer> {
  const model: RuntimeModel = await loadModel(folder);
  try {
    return await answer(model, prompt);
  } finally {
    await model.dispose();
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
