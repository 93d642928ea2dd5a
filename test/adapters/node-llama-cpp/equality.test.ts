import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { LlamaKvCache } from "../../../src/adapters/node-llama-cpp/llama-kv-cache.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";
import { type Context, loadModel, logitsBehind, type Model, text } from "./runtime.ts";

// The first run gets a model of 93 MB; and other tests may take the processor.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 900_000 });

let model: Model;
let prompt: number[];
beforeAll(async () => {
  model = await loadModel();
  prompt = model.tokenize(text).slice(0, 110);
});

const prefix = 100;
const store = new RamStore({ capacityBytes: 256 * 1024 ** 2 });

async function contextOf(options: object): Promise<Context> {
  const size = { contextSize: 256, batchSize: 128, threads: 1 };
  const context = await model.createContext({ ...size, ...options });
  onTestFinished(() => context[Symbol.asyncDispose]());
  return context;
}

async function openCache(salt: string): Promise<LlamaKvCache> {
  const cache = await LlamaKvCache.open({ store, modelPath: model.path, chunkSize: 16, salt });
  onTestFinished(() => cache.close());
  return cache;
}

function lastSequence(context: Context, count: number): ReturnType<Context["getSequence"]> {
  return Array.from({ length: count }, () => context.getSequence()).at(-1)!;
}

/** Largest difference of two distributions' logits, over all tokens behind which they were asked for. */
function difference(one: readonly Float32Array[], other: readonly Float32Array[]): number {
  let most = 0;
  for (const [position, logits] of one.entries())
    for (const [token, logit] of logits.entries())
      most = Math.max(most, Math.abs(logit - other[position][token]));
  return most;
}

const kinds: [string, object, number][] = [
  ["flash attention, one sequence", { flashAttention: true, sequences: 1 }, 1],
  ["no flash attention, three sequences", { flashAttention: false, sequences: 3 }, 3],
  ["a cache of Q8_0", kvTypes("Q8_0"), 1],
  ["a cache of Q4_0, two sequences", { ...kvTypes("Q4_0"), sequences: 2 }, 2],
];

function kvTypes(type: string): object {
  return {
    flashAttention: true,
    experimentalKvCacheKeyType: type,
    experimentalKvCacheValueType: type,
  };
}

describe.each(kinds)("with %s", (name, options, sequences) => {
  test("what is restored says the same as what was evaluated, to the last bit", async () => {
    const cold = lastSequence(await contextOf(options), sequences);
    const cache = await openCache(name);
    const { sequence: kept } = await cache.attach(cold);
    await kept.evaluateWithoutGeneratingNewTokens(prompt.slice(0, prefix) as never[]);
    const said = await logitsBehind(kept, prompt.slice(prefix, prefix + 4));
    await cache.settled();
    const other = await openCache(name);
    const warm = await other.attach(lastSequence(await contextOf(options), sequences));
    const report = await warm.restore(prompt.slice(0, prefix));
    expect(report).toMatchObject({
      status: "HIT",
      promptTokens: prefix,
      reusedTokens: prefix,
      restoredTokens: prefix,
      tier: "ram",
      reason: undefined,
    });
    const says = await logitsBehind(warm.sequence, prompt.slice(prefix, prefix + 4));
    expect(says).toHaveLength(4);
    expect(difference(said, says)).toBe(0);
  });
});

test("chunks of a context of one sequence serve one of three, to the last bit", async () => {
  const cache = await openCache("streams");
  const { sequence } = await cache.attach((await contextOf({ sequences: 1 })).getSequence());
  await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(0, prefix) as never[]);
  const said = await logitsBehind(sequence, prompt.slice(prefix, prefix + 2));
  await cache.settled();
  for (const number of [1, 2, 3]) {
    const warm = await cache.attach(lastSequence(await contextOf({ sequences: 3 }), number));
    expect(await warm.restore(prompt.slice(0, prefix))).toMatchObject({ restoredTokens: prefix });
    const says = await logitsBehind(warm.sequence, prompt.slice(prefix, prefix + 2));
    expect(difference(said, says)).toBe(0);
  }
});

test("KV types, kinds of attention and salts are kept apart", async () => {
  const cache = await openCache("apart");
  const { sequence } = await cache.attach((await contextOf({})).getSequence());
  const short = prompt.slice(0, 20);
  await sequence.evaluateWithoutGeneratingNewTokens(short as never[]);
  await cache.settled();
  const quantised = await cache.attach((await contextOf(kvTypes("Q8_0"))).getSequence());
  expect(await quantised.restore(short)).toMatchObject({ status: "MISS", reason: "absent" });
  const plain = await cache.attach((await contextOf({ flashAttention: false })).getSequence());
  expect(await plain.restore(short)).toMatchObject({ status: "MISS", reason: "absent" });
  const salted = await openCache("another");
  const other = await salted.attach((await contextOf({})).getSequence());
  expect(await other.restore(short)).toMatchObject({ status: "MISS", reason: "absent" });
  const same = await openCache("apart");
  const found = await same.attach((await contextOf({})).getSequence());
  expect(await found.restore(short)).toMatchObject({ status: "HIT" });
});
