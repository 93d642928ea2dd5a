import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { sha256Of } from "../../models/obtain.ts";
import { testCacheFolder } from "../../util/cache-folder.ts";

/**
 * The SHA-256 of a model's file. Computed once for a path, size and time of change, and remembered in the user's
 * cache folder.
 *
 * @param kind what such files are called
 * @throws KeepwarmError `NOT_FOUND` for a file that is not there
 */
export async function modelFileHash(modelPath: string, kind: "GGUF" | "ONNX"): Promise<string> {
  const path = resolve(modelPath);
  const { size, mtimeMs } = await stat(path).catch((cause: unknown) => {
    throw new KeepwarmError("NOT_FOUND", `there is no model file ${path}`, {
      cause,
      remedy: `Name the ${kind} file that the model was loaded from.`,
    });
  });
  const folder = join(testCacheFolder(), "model-hashes");
  const file = join(folder, `${basename(path)}-${textHash(`${path}\n${size}\n${mtimeMs}`)}`);
  const known = await readFile(file, "utf8").catch(() => "");
  if (/^[0-9a-f]{64}$/.test(known)) return known;
  const hash = await sha256Of(path);
  await remember(folder, file, hash).catch(() => {});
  return hash;
}

/** The SHA-256 of what `value` is as JSON. */
export function hashOfJson(value: unknown): string {
  return textHash(
    JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? `${each}n` : each)),
  );
}

/** The SHA-256 of a text. */
export function textHash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Not being able to costs time at the next start, and nothing else. */
async function remember(folder: string, file: string, hash: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const scratch = `${file}.${process.pid}`;
  await writeFile(scratch, hash);
  await rename(scratch, file);
}
