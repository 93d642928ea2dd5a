import { readFile } from "node:fs/promises";
import type { OwnMethods } from "./sequence-cache.ts";
import { makeScratchFile } from "./scratch.ts";
import { parseState, type StateShape } from "./state-shape.ts";
import type { LlamaSequenceLike } from "./types.ts";

/** Room that a state of one token takes at most, for choosing where it is written. */
const probeBytes = 16 * 1024 ** 2;

/**
 * How a sequence's states are laid out, from the state of the tokens that it has, or of one token that is
 * evaluated for it and forgotten; why it cannot be cut into chunks, if so.
 */
export async function probeShape(
  sequence: LlamaSequenceLike,
  own: OwnMethods,
  folder: string | undefined,
): Promise<StateShape | string> {
  const isEmpty = sequence.nextTokenIndex === 0;
  if (isEmpty) await sequence.evaluateWithoutGeneratingNewTokens([0] as never[]);
  try {
    await using file = await makeScratchFile(folder, probeBytes);
    await own.saveStateToFile(file.path);
    const parsed = parseState(await readFile(file.path));
    return typeof parsed === "string"
      ? `the model's state is not as known: ${parsed}`
      : parsed.shape;
  } finally {
    if (isEmpty) await own.clearHistory();
  }
}
