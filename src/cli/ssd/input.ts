import { access } from "node:fs/promises";
import { KeepwarmError } from "../../errors.ts";

/** Throws `INPUT_INVALID` unless the file can be read. */
export async function readable(path: string): Promise<void> {
  try {
    await access(path);
  } catch (error) {
    throw new KeepwarmError("INPUT_INVALID", `${path}: ${(error as Error).message}`, {
      cause: error,
      remedy: "Name a readable file, or - for stdin.",
    });
  }
}
