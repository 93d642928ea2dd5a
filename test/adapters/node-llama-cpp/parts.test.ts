import { mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { modelHash } from "../../../src/adapters/node-llama-cpp/model-hash.ts";
import { makeScratchFile, type ScratchFile } from "../../../src/adapters/node-llama-cpp/scratch.ts";
import { ScratchPool } from "../../../src/adapters/node-llama-cpp/scratch-pool.ts";
import { Trust } from "../../../src/adapters/node-llama-cpp/trust.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keepwarm-parts-"));
  vi.stubEnv("KEEPWARM_TEST_CACHE", folder);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });
});

test("a model's hash is that of its bytes, computed once", async () => {
  const path = join(folder, "model.gguf");
  await writeFile(path, "abc");
  const hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(await modelHash(path)).toBe(hash);
  const [known] = await readdir(join(folder, "keepwarm", "model-hashes"));
  await writeFile(join(folder, "keepwarm", "model-hashes", known), "1".repeat(64));
  expect(await modelHash(path)).toBe("1".repeat(64));
  await utimes(path, 1, 2);
  expect(await modelHash(path)).toBe(hash);
});

test("a model in several files has the hash of all", async () => {
  const names = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"].map((name) =>
    join(folder, name),
  );
  await writeFile(names[0], "a");
  await expect(modelHash(names[0])).rejects.toThrow("there is no model file");
  await writeFile(names[1], "b");
  const hash = await modelHash(names[0]);
  await writeFile(names[1], "bc");
  expect(await modelHash(names[0])).not.toBe(hash);
});

test("what is moved is not trusted, nor what comes behind it", () => {
  const trust = new Trust();
  trust.grew(0, 10);
  expect(trust.tokens).toBe(10);
  trust.cut(6);
  trust.grew(8, 12);
  expect(trust.tokens).toBe(6);
  trust.restored(20);
  trust.grew(20, 21);
  expect(trust.tokens).toBe(21);
});

test("a scratch file is the user's own, in the folder that was named, and gone", async () => {
  const file = await makeScratchFile(folder, 0);
  await file.handle.write(Buffer.from("state"));
  expect((await stat(file.path)).mode & 0o777).toBe(0o600);
  expect((await stat(file.path)).size).toBe(5);
  await file[Symbol.asyncDispose]();
  expect((await readdir(folder)).filter((name) => name.startsWith("keepwarm-state"))).toEqual([]);
  await expect(stat(file.path)).rejects.toThrow();
  await expect(makeScratchFile(join(folder, "nowhere"), 0)).rejects.toThrow();
});

test("a file is used again for the next state, however long that is", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const pool = new ScratchPool(folder);
  const first = await pool.take(1000);
  const other = await pool.take(10);
  expect([await sizeOf(first), await sizeOf(other)]).toEqual([1000, 10]);
  await first[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  const again = await pool.take(50);
  expect(again.path).toBe(first.path);
  expect(await sizeOf(again)).toBe(50);
  await again[Symbol.asyncDispose]();
  vi.advanceTimersByTime(10_000);
  await expect
    .poll(() =>
      stat(again.path).then(
        () => "there",
        () => "gone",
      ),
    )
    .toBe("gone");
  const last = await pool.take(20);
  await last[Symbol.asyncDispose]();
  expect(await sizeOf(last)).toBe(20);
  await pool.close();
  await expect(stat(last.path)).rejects.toThrow();
  const late = await pool.take(5);
  await late[Symbol.asyncDispose]();
  await expect(stat(late.path)).rejects.toThrow();
  const left = (await readdir(folder)).filter((name) => name.startsWith("keepwarm-state"));
  expect(left).toEqual([]);
});

test("what does not fit into memory goes to the disk", async () => {
  await using file = await makeScratchFile(undefined, Number.MAX_SAFE_INTEGER);
  await file.handle.write(Buffer.from("state"));
  expect((await stat(file.path)).size).toBe(5);
});

async function sizeOf({ path }: ScratchFile): Promise<number> {
  return (await stat(path)).size;
}
