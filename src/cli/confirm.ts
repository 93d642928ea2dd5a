import { createInterface } from "node:readline/promises";
import { KeepwarmError } from "../errors.ts";
import type { CliIo } from "./io.ts";

const remedy = "Look with --dry-run first, then add --yes.";

/**
 * Asks on the terminal; where there is none, `--yes` must have been given. Throws `INPUT_INVALID` when
 * the answer is no.
 */
export async function confirm(io: CliIo, question: string): Promise<void> {
  if (!io.stdin.isTTY) throw new KeepwarmError("INPUT_INVALID", "not removing unasked", { remedy });
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: io.signal });
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new KeepwarmError("INPUT_INVALID", "nothing was removed", { remedy });
  } finally {
    lines.close();
  }
}
