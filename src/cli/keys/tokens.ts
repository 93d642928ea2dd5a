import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { parseTokens } from "../../keys/hash/parse-tokens.ts";
import type { CliIo } from "../io.ts";

/**
 * Token ids from the text of `--tokens`, or from the file that it names behind an `@`.
 *
 * @throws KeepwarmError `INPUT_INVALID`
 */
export async function readTokens(text: string, io: CliIo): Promise<Uint32Array> {
  if (!text.startsWith("@")) return parseTokens(text, "--tokens");
  const file = text.slice(1);
  try {
    return parseTokens(await readFile(resolve(io.cwd, file), "utf8"), file);
  } catch (cause) {
    if (cause instanceof KeepwarmError) throw cause;
    throw new KeepwarmError(
      "INPUT_INVALID",
      `${file} cannot be read: ${(cause as Error).message}`,
      { cause, remedy: "Name a file of token ids behind the @." },
    );
  }
}
