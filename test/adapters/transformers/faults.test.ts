import { appendFile, copyFile, cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { weightsHash } from "../../../src/adapters/transformers/model-files.ts";
import type { BlockStore } from "../../../src/store/contract.ts";
import { freePort } from "../../../src/testing/servers/free-port.ts";
import {
  type Answer,
  answer,
  loadModel,
  pastOf,
  ramStore,
  serve,
  tinyFolder,
  transformers,
} from "./support.ts";
import { tokensOf } from "./tokens.ts";

const prompt = tokensOf(1, 60);

async function coldAnswer(folder: string): Promise<Answer> {
  const model = await loadModel(folder);
  try {
    return await answer(model, prompt);
  } finally {
    await model.dispose();
  }
}

/** Turns one bit of a chunk that is in the store. */
async function damage(store: BlockStore): Promise<void> {
  const entries = [];
  for await (const { key, bytes } of store.scan({})) entries.push({ key, bytes });
  const [{ key }] = entries.toSorted((one, other) => other.bytes - one.bytes);
  const [block] = await store.get([key]);
  const value = Uint8Array.from(block!.bytes);
  block!.release();
  value[value.length - 100] ^= 1;
  await store.put([{ key, value }]);
}

function fail(): never {
  throw new Error("no");
}

it("finds damaged values before the runtime sees them, and stores them anew", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  const cold = await coldAnswer(folder);
  await using first = await serve(folder, store, { storeGenerated: false });
  await answer(first.model, prompt);
  await first.cache.settled();
  await damage(store);
  await using second = await serve(folder, store);
  expect(await answer(second.model, prompt)).toEqual(cold);
  expect(second.attached.lastReuse).toMatchObject({ reason: "damaged" });
  expect(second.attached.lastReuse?.restoredTokens).toBeLessThan(56);
  await second.cache.settled();
  expect(await answer(second.model, prompt)).toEqual(cold);
  expect(second.attached.lastReuse).toMatchObject({ restoredTokens: 59 });
});

it("never serves one model what another computed, even in the same shape", async () => {
  const store = ramStore();
  const folders = [await tinyFolder(1), await tinyFolder(2)];
  const cold = [await coldAnswer(folders[0]), await coldAnswer(folders[1])];
  expect(cold[0].tokens).not.toEqual(cold[1].tokens);
  for (const [index, folder] of folders.entries()) {
    await using served = await serve(folder, store);
    expect(await answer(served.model, prompt)).toEqual(cold[index]);
    expect(served.attached.lastReuse).toMatchObject({ status: "MISS", reason: "absent" });
    await served.cache.settled();
  }
  await using half = await serve(folders[0], store, { dtype: "fp16" });
  await answer(half.model, prompt);
  expect(half.attached.lastReuse).toMatchObject({ status: "MISS" });
});

it("keeps tenants apart by their salt", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  for (const salt of ["one", "other"]) {
    await using served = await serve(folder, store, { salt });
    await answer(served.model, prompt);
    expect(served.attached.lastReuse).toMatchObject({ status: "MISS" });
    await served.cache.settled();
    await answer(served.model, prompt);
    expect(served.attached.lastReuse).toMatchObject({ status: "HIT" });
  }
});

it("answers without a store that is not there", async () => {
  const folder = await tinyFolder();
  const cold = await coldAnswer(folder);
  await using served = await serve(folder, `valkey://127.0.0.1:${await freePort()}`);
  expect(await answer(served.model, prompt)).toEqual(cold);
  await served.cache.settled();
  expect(served.attached.lastReuse).toMatchObject({ status: "MISS", reason: "store-failed" });
  expect(served.attached.lastKeep).toMatchObject({ status: "FAILED", storedTokens: 0 });
});

it("waits for a store that hangs no longer than its deadline", async () => {
  const folder = await tinyFolder();
  const cold = await coldAnswer(folder);
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  await using served = await serve(folder, `valkey://127.0.0.1:${port}`, { deadlineMs: 300 });
  expect(await answer(served.model, prompt)).toEqual(cold);
  const { lastReuse } = served.attached;
  expect(lastReuse).toMatchObject({ status: "MISS", restoredTokens: 0 });
  expect(["timeout", "store-failed"]).toContain(lastReuse?.reason);
  expect(lastReuse?.times.totalMs).toBeLessThan(2000);
});

it("stores no more than its budget lets wait", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  await using served = await serve(folder, store, { budgetBytes: 1000 });
  await answer(served.model, prompt);
  await served.cache.settled();
  expect(served.attached.lastKeep).toMatchObject({ status: "SKIPPED", reason: "over-budget" });
  expect(served.cache.stats()).toMatchObject({ overBudget: 1, storedBytes: 0, pendingBytes: 0 });
});

it("stores nothing that is not laid out as the model's inputs are", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  await using served = await serve(folder, store);
  const past = await pastOf(served.model, prompt);
  Object.assign(past, {
    "past_key_values.1.key": new transformers.Tensor(
      "float32",
      new Float32Array(32),
      [1, 2, 1, 16],
    ),
  });
  const kept = await served.attached.keep(prompt, past);
  expect(kept).toMatchObject({ status: "SKIPPED", reason: "unsupported-layout" });
});

it("is not kept from answering by listeners that fail", async () => {
  const [folder, store] = [await tinyFolder(), ramStore()];
  await using served = await serve(folder, store, { onReuse: fail, onKeep: fail });
  expect(await answer(served.model, prompt)).toEqual(await coldAnswer(folder));
  await served.cache.settled();
  expect(served.cache.stats()).toMatchObject({ prompts: 1 });
});

it("knows models by their files, weights beside them included", async () => {
  const folder = await tinyFolder();
  const hash = (model: string, dtype = "fp32"): Promise<string> =>
    weightsHash({ ...transformers, env: { localModelPath: dirname(folder) } }, model, dtype);
  const known = await hash(folder);
  expect(await hash(basename(folder))).toBe(known);
  expect(await hash(join(folder, "onnx", "model.onnx"))).toBe(known);
  expect(await hash(folder, "fp16")).not.toBe(known);
  const copy = await mkdtemp(join(tmpdir(), "keepwarm-onnx-"));
  onTestFinished(() => rm(copy, { recursive: true }));
  await cp(folder, copy, { recursive: true });
  expect(await hash(copy)).toBe(known);
  await writeFile(join(copy, "onnx", "other.onnx_data"), "not of this model");
  expect(await hash(copy)).toBe(known);
  await appendFile(join(copy, "onnx", "model.onnx_data"), "more");
  expect(await hash(copy)).not.toBe(known);
  await copyFile(join(folder, "onnx", "model.onnx"), join(copy, "model_q4.onnx"));
  expect(await hash(copy, "q4")).toMatch(/^[0-9a-f]{64}$/);
});
