import { KeepwarmError } from "../errors.ts";
import { nativeKey } from "../keys/native.ts";
import type { KvNamespace } from "./types.ts";

const dtypeForm = /^[a-z][a-z0-9_]{0,31}$/;
const longestModel = 200;

/** A namespace that keys can be made of. */
export interface CheckedNamespace {
  /** What values depend on besides tokens and salt, as text that hashes start from. */
  readonly extraKey: string;
  readonly salt: string | undefined;
  /** The key of the value with this hash. */
  keyOf(hash: string): string;
}

/** @throws KeepwarmError `INPUT_INVALID` for a namespace that keys cannot say. */
export function checkNamespace(namespace: KvNamespace): CheckedNamespace {
  const { model, revision, dtype, layout, worldSize = 1, rank = 0, lora, salt } = namespace;
  if (model === "") throw unusable("has no model", "Name the model.");
  if (!dtypeForm.test(dtype))
    throw unusable(`has the dtype ${JSON.stringify(dtype)}`, "Write it as LMCache does: bfloat16.");
  if (!isCount(worldSize) || worldSize < 1 || !isCount(rank) || rank >= worldSize)
    throw unusable(
      `has rank ${rank} of ${worldSize}`,
      "Ranks count from 0 and are below worldSize.",
    );
  const name = model.replaceAll(/[^\x21-\x7e]|@/g, "_").slice(0, longestModel);
  return {
    extraKey: JSON.stringify({ model, revision, dtype, layout, worldSize, rank, lora }),
    salt,
    keyOf: (hash) => nativeKey({ model: name, worldSize, rank, hash, dtype }),
  };
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}

function unusable(what: string, remedy: string): KeepwarmError {
  return new KeepwarmError("INPUT_INVALID", `a namespace ${what}`, { remedy });
}
