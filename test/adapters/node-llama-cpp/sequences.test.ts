import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { LlamaKvCache } from "../../../src/adapters/node-llama-cpp/llama-kv-cache.ts";
import type {
  AttachedSequence,
  LlamaKvCacheOptions,
} from "../../../src/adapters/node-llama-cpp/types.ts";
import type { KeepReport, ReuseReport } from "../../../src/adapters/shared/report.ts";
import { ValkeyStore } from "../../../src/backends/valkey/valkey-store.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";
import { generate, loadModel, type Model, type Sequence, text } from "./runtime.ts";

// The first run gets a model of 93 MB; and other tests may take the processor.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 900_000 });

let model: Model;
let tokens: number[];
beforeAll(async () => {
  model = await loadModel();
  tokens = model.tokenize(text);
});

interface Opened {
  readonly cache: LlamaKvCache;
  readonly attached: readonly AttachedSequence<Sequence>[];
  readonly store: RamStore;
  readonly reused: ReuseReport[];
  readonly kept: KeepReport[];
}

async function open(
  options: Partial<LlamaKvCacheOptions> = {},
  { sequences = 2, contextSize = 512 } = {},
): Promise<Opened> {
  const ram = new RamStore({ capacityBytes: 128 * 1024 ** 2 });
  const reused: ReuseReport[] = [];
  const kept: KeepReport[] = [];
  const cache = await LlamaKvCache.open({
    store: ram,
    modelPath: model.path,
    chunkSize: 16,
    onReuse: (report) => reused.push(report),
    onKeep: (report) => kept.push(report),
    ...options,
  });
  const context = await model.createContext({ contextSize, batchSize: 256, sequences, threads: 1 });
  const attached: AttachedSequence<Sequence>[] = [];
  for (let index = 0; index < sequences; index++)
    attached.push(await cache.attach(context.getSequence()));
  onTestFinished(async () => {
    await cache.close();
    await context[Symbol.asyncDispose]();
    await ram.close();
  });
  return { cache, attached, store: ram, reused, kept };
}

describe("evaluating", () => {
  test("the same prompt again evaluates one token", async () => {
    const { cache, attached, reused, kept } = await open();
    const prompt = tokens.slice(0, 75);
    const said = await generate(attached[0].sequence, prompt, 3);
    await cache.settled();
    expect(kept.at(-1)).toMatchObject({ status: "STORED", tokens: 77 });
    expect(kept.at(-1)!.times.saveMs).toBeGreaterThan(0);
    expect(await generate(attached[1].sequence, prompt, 3)).toEqual(said);
    expect(reused).toMatchObject([
      { status: "MISS", promptTokens: 74, reusedTokens: 0, bytes: 0, reason: "absent" },
      {
        status: "HIT",
        promptTokens: 74,
        reusedTokens: 74,
        residentTokens: 0,
        tiers: [{ tier: "ram", tokens: 74 }],
        reason: undefined,
      },
    ]);
    expect(reused[1].bytes).toBeGreaterThanOrEqual(74 * 23_040);
    const { findMs, fetchMs, assembleMs, restoreMs, totalMs } = reused[1].times;
    expect(findMs + fetchMs + assembleMs + restoreMs).toBeLessThanOrEqual(totalMs);
    expect(cache.stats()).toMatchObject({ prompts: 2, restoredTokens: 74, pendingBytes: 0 });
  });

  test("a prompt that forks is found where others forked before it", async () => {
    const { cache, attached, reused } = await open({ storeGenerated: false });
    const shared = tokens.slice(0, 42);
    for (const [index, question] of [60, 80, 100].entries()) {
      const { sequence } = attached[index % 2];
      await sequence.clearHistory();
      await generate(sequence, [...shared, ...tokens.slice(question, question + 12)], 1);
      await cache.settled();
    }
    // Whole chunks at first; then the fork is known.
    expect(reused.map(({ reusedTokens }) => reusedTokens)).toEqual([0, 32, 42]);
    expect(reused[2]).toMatchObject({ status: "PARTIAL", reason: "absent" });
  });

  test("what the sequence has anyway is not fetched", async () => {
    const { cache, attached, reused } = await open();
    const [{ sequence }] = attached;
    await generate(sequence, tokens.slice(0, 40), 2);
    await cache.settled();
    await sequence.adaptStateToTokens(tokens.slice(0, 44) as never[], false);
    expect(sequence.nextTokenIndex).toBe(40);
    expect(reused.at(-1)).toMatchObject({
      residentTokens: 40,
      restoredTokens: 0,
      reason: "resident",
    });
  });

  test("sequences side by side each get their own", async () => {
    const { cache, attached } = await open();
    const prompts = [tokens.slice(0, 50), tokens.slice(60, 120)];
    const both = (): Promise<number[][]> =>
      Promise.all(prompts.map((prompt, index) => generate(attached[index].sequence, prompt, 2)));
    const said = await both();
    await cache.settled();
    for (const { sequence } of attached) await sequence.clearHistory();
    prompts.reverse();
    expect(await both()).toEqual(said.toReversed());
    for (const { lastReuse } of attached) expect(lastReuse).toMatchObject({ status: "HIT" });
  });

  test("a sequence that is detached is as it was", async () => {
    const { attached, reused } = await open({}, { sequences: 1 });
    const [{ sequence }] = attached;
    attached[0].detach();
    for (const name of ["evaluate", "adaptStateToTokens"])
      expect(Object.hasOwn(sequence, name)).toBe(false);
    await generate(sequence, tokens.slice(0, 20), 1);
    expect(reused).toEqual([]);
  });
});

describe("sessions that know nothing of it", () => {
  test("LlamaCompletion says the same and evaluates less", async () => {
    const { LlamaCompletion } = model.module;
    const { cache, attached, reused } = await open();
    const start = text.slice(0, 300);
    const complete = (index: number): Promise<string> =>
      new LlamaCompletion({ contextSequence: attached[index].sequence }).generateCompletion(start, {
        temperature: 0,
        maxTokens: 4,
      });
    const said = await complete(0);
    await cache.settled();
    expect(await complete(1)).toBe(said);
    const last = reused.at(-1)!;
    expect(last).toMatchObject({ status: "HIT", reusedTokens: last.promptTokens });
    expect(last.promptTokens).toBeGreaterThan(60);
  });

  test("LlamaChatSession goes on in another sequence where the first has been", async () => {
    const { LlamaChatSession } = model.module;
    const { cache, attached, reused } = await open();
    const systemPrompt = text.slice(0, 200);
    const ask = async (index: number): Promise<string> => {
      const { sequence } = attached[index];
      const session = new LlamaChatSession({ contextSequence: sequence, systemPrompt });
      const first = await session.prompt("Who writes?", { temperature: 0, maxTokens: 4 });
      await cache.settled();
      return first + (await session.prompt("And who reads?", { temperature: 0, maxTokens: 4 }));
    };
    const said = await ask(0);
    await cache.settled();
    const cold = reused.splice(0);
    expect(await ask(1)).toBe(said);
    expect(cold[0]).toMatchObject({ status: "MISS" });
    expect(reused[0]).toMatchObject({ status: "HIT", reusedTokens: cold[0].promptTokens });
  });
});

describe("declines", () => {
  test("tokens that the runtime has moved, and serves what comes after", async () => {
    const { cache, attached, kept, reused } = await open({}, { sequences: 1, contextSize: 256 });
    const [{ sequence }] = attached;
    const size = sequence.contextSize;
    const long = [...tokens, ...tokens].slice(0, size - 4);
    const shifting = { contextShift: { size: 32, strategy: "eraseBeginning" }, temperature: 0 };
    let count = 0;
    for await (const token of sequence.evaluate(long, shifting))
      if (token < 0 || ++count === 8) break;
    expect(sequence.nextTokenIndex).toBeLessThan(size - 4);
    await cache.settled();
    expect(kept).toEqual([]);
    expect(await attached[0].keep()).toMatchObject({ status: "SKIPPED", reason: "shifted" });
    await sequence.clearHistory();
    await generate(sequence, tokens.slice(0, 40), 1);
    await cache.settled();
    expect(kept.at(-1)).toMatchObject({ status: "STORED" });
    expect(reused.at(-1)).toMatchObject({ status: "MISS", reason: "absent" });
  });

  test("more of a prompt than the context holds", async () => {
    const { cache, attached } = await open({}, { sequences: 1, contextSize: 256 });
    const [{ sequence }] = attached;
    const long = [...tokens, ...tokens];
    expect(long.length).toBeGreaterThan(sequence.contextSize);
    await generate(sequence, tokens.slice(0, 40), 1);
    await cache.settled();
    await sequence.clearHistory();
    expect(await attached[0].restore(long)).toMatchObject({ status: "PARTIAL", reusedTokens: 40 });
  });

  test("what there is no budget for", async () => {
    const { cache, attached, kept } = await open({ budgetBytes: 1000 });
    await generate(attached[0].sequence, tokens.slice(0, 20), 1);
    await cache.settled();
    expect(kept).toMatchObject([{ status: "SKIPPED", reason: "over-budget" }]);
    expect(cache.stats()).toMatchObject({ overBudget: 1, pendingBytes: 0 });
  });

  test("models whose state has no tokens to cut out", async () => {
    const { cache } = await open({}, { sequences: 1 });
    const adapted: unknown[] = [];
    const sequence = {
      needsCheckpoints: true,
      nextTokenIndex: 0,
      adaptStateToTokens: async (...args: unknown[]) => void adapted.push(args),
      clearHistory: async () => {},
      saveStateToFile: async () => ({ fileSize: 0 }),
      loadStateFromFile: async () => {},
    } as never as Sequence;
    const attached = await cache.attach(sequence);
    expect(attached.declined).toMatch(/sliding windows or recurrent layers/);
    expect(await attached.restore([1, 2, 3])).toMatchObject({
      status: "MISS",
      reason: "unsupported-model",
    });
    expect(adapted).toEqual([[[1, 2, 3], false]]);
    expect(await attached.keep()).toMatchObject({ status: "SKIPPED", reason: attached.declined });
  });

  test("LoRA adapters that nobody named, and states of another layout", async () => {
    const { cache, attached } = await open({}, { sequences: 1 });
    const [{ sequence: real }] = attached;
    const pretending = (changes: object): Sequence =>
      Object.assign(Object.create(real) as Sequence, changes);
    const context = Object.create(real.context, { _loraAdapters: { value: new Set([1]) } });
    const adapted = Object.create(real, { context: { value: context } }) as Sequence;
    expect((await cache.attach(adapted)).declined).toMatch(/say which in the option lora/);
    const unknown = await cache.attach(pretending({ saveStateToFile: saveSomethingElse }));
    expect(unknown.declined).toMatch(/not as known/);
    expect(await unknown.restore([1])).toMatchObject({ reason: "unsupported-layout" });
  });
});

describe("trouble", () => {
  test("a damaged chunk is found out before the runtime sees it", async () => {
    const { cache, attached, store } = await open();
    const prompt = tokens.slice(0, 60);
    await generate(attached[0].sequence, prompt, 1);
    await cache.settled();
    let count = 0;
    for await (const { key, bytes } of store.scan()) {
      if (bytes < 16 * 23_040) continue;
      using block = (await store.get([key]))[0]!;
      if (++count === 2) block.bytes[block.bytes.length - 100] ^= 4;
    }
    await generate(attached[1].sequence, prompt, 1);
    const { lastReuse } = attached[1];
    expect(lastReuse).toMatchObject({ reason: "damaged" });
    expect(lastReuse!.reusedTokens).toBeLessThan(48);
    await cache.settled();
    await attached[1].sequence.clearHistory();
    await generate(attached[1].sequence, prompt, 1);
    expect(attached[1].lastReuse).toMatchObject({ status: "HIT" });
  });

  test("a store that is dead costs its deadline, and the prompt is evaluated", async () => {
    const dead = new ValkeyStore({ url: "redis://127.0.0.1:1", connectDeadlineMs: 200 });
    const { cache, attached, kept } = await open({ store: dead, deadlineMs: 500 });
    const said = await generate(attached[0].sequence, tokens.slice(0, 20), 1);
    expect(said).toHaveLength(1);
    expect(attached[0].lastReuse).toMatchObject({ status: "MISS", reason: "store-failed" });
    expect(attached[0].lastReuse!.times.totalMs).toBeLessThan(1000);
    await cache.settled();
    expect(kept.at(-1)).toMatchObject({ status: "FAILED", reason: "failed" });
    await dead.close();
  });

  test("a scratch folder that goes away costs the reuse and nothing else", async () => {
    const { cache, attached } = await open();
    const prompt = tokens.slice(0, 30);
    const said = await generate(attached[0].sequence, prompt, 1);
    await cache.settled();
    const scratchFolder = await mkdtemp(join(tmpdir(), "keepwarm-scratch-"));
    const other = await open({ store: cache.blocks, scratchFolder });
    await rm(scratchFolder, { recursive: true });
    const [{ sequence }] = other.attached;
    expect(await generate(sequence, prompt, 1)).toEqual(said);
    expect(other.reused).toMatchObject([{ status: "MISS", reason: "restore-failed" }]);
    await other.cache.settled();
    expect(other.kept).toMatchObject([{ status: "FAILED", storedBytes: 0 }]);
  });

  test("files and folders that are not there are said at once", async () => {
    const store = new RamStore({ capacityBytes: 16 * 1024 ** 2 });
    const modelPath = model.path;
    await expect(LlamaKvCache.open({ store, modelPath: "/nowhere.gguf" })).rejects.toThrow(
      "there is no model file",
    );
    await expect(
      LlamaKvCache.open({ store, modelPath, scratchFolder: "/nowhere" }),
    ).rejects.toThrow("no file can be made in /nowhere");
    await store.close();
  });

  test("a listener that fails does not keep a prompt from being evaluated", async () => {
    const { cache, attached } = await open({ onReuse: fail, onKeep: fail });
    expect(await generate(attached[0].sequence, tokens.slice(0, 12), 1)).toHaveLength(1);
    await cache.settled();
  });
});

async function saveSomethingElse(path: string): Promise<{ fileSize: number }> {
  await writeFile(path, "something else");
  return { fileSize: 14 };
}

function fail(): never {
  throw new Error("listener");
}
