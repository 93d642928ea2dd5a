import { readFile, readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { hashOfJson, modelFileHash } from "../shared/model-identity.ts";
import type { TransformersLike } from "./types.ts";

/** How transformers.js ends the names of files of its data types. */
const suffixes: Readonly<Record<string, string>> = { fp32: "", q8: "_quantized" };
/** The longest model file that is looked into: longer ones have their weights in themselves. */
const longestLook = 64 * 1024 ** 2;
/** How an ONNX file says where weights are: a key and value of `external_data`, in protocol buffers. */
const locationKey = Buffer.from("\x0a\x08location\x12", "latin1");

/**
 * What tells a model's weights from others: a hash of its ONNX file and of the files beside it that it has its
 * weights in.
 *
 * @param model What `from_pretrained` was given, or the file
 * @param dtype The data type that transformers.js loaded
 * @throws KeepwarmError `NOT_FOUND` when there is no such file
 */
export async function weightsHash(
  { env }: TransformersLike,
  model: string,
  dtype: string,
): Promise<string> {
  const file = await findFile(env, model, `model${suffixes[dtype] ?? `_${dtype}`}.onnx`);
  if (file === undefined)
    throw new KeepwarmError("NOT_FOUND", `the ONNX file of ${model} (${dtype}) was not found`, {
      remedy: "Name the folder or file it was loaded from as model, or say which revision it is.",
    });
  const parts = [file, ...(await weightFiles(file))];
  return hashOfJson(await Promise.all(parts.map((part) => modelFileHash(part, "ONNX"))));
}

async function findFile(env: object, model: string, name: string): Promise<string | undefined> {
  if (model.endsWith(".onnx") && (await isFile(model))) return resolve(model);
  const { localModelPath, cacheDir } = env as Readonly<Record<string, unknown>>;
  const bases = [localModelPath, cacheDir].filter((base) => typeof base === "string");
  for (const folder of [resolve(model), ...bases.map((base) => join(base, model))])
    for (const path of [join(folder, "onnx", name), join(folder, name)])
      if (await isFile(path)) return path;
  return undefined;
}

/** The files in the same folder that an ONNX file says it has weights in. */
async function weightFiles(file: string): Promise<string[]> {
  const { size } = await stat(file);
  if (size > longestLook) return [];
  const bytes = await readFile(file);
  const named = new Set<string>();
  for (let at = bytes.indexOf(locationKey); at >= 0; at = bytes.indexOf(locationKey, at + 1)) {
    const from = at + locationKey.length + 1;
    named.add(bytes.toString("utf8", from, from + bytes[from - 1]));
  }
  const beside = await readdir(dirname(file));
  return beside
    .filter((name) => named.has(name))
    .toSorted()
    .map((name) => join(dirname(file), name));
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
