import { KeepwarmError } from "../../errors.ts";
import { cborText } from "./cbor.ts";
import type { DigestKind } from "./digest.ts";
import { pickleText } from "./pickle.ts";
import { hashOfText } from "./string-hash.ts";

/** What vLLM seeds its collision-resistant hashes with when PYTHONHASHSEED is not set (0.33). */
const defaultSeed = "vllm-none-hash";
const maxSeed = 0xffff_ffff;

/** @throws KeepwarmError `INPUT_INVALID` for what Python does not take as PYTHONHASHSEED. */
function checkSeed(seed: string): number {
  const value = Number(seed);
  if (/^\d+$/.test(seed) && value <= maxSeed) return value;
  throw new KeepwarmError("INPUT_INVALID", `${JSON.stringify(seed)} is no seed`, {
    remedy: `Write the PYTHONHASHSEED of the engines, a whole number from 0 to ${maxSeed}.`,
  });
}

/** NONE_HASH of vLLM with Python's own hash. */
export function builtinRoot(seed: string, minor: number): bigint {
  return hashOfText(seed, checkSeed(seed), minor);
}

/** NONE_HASH of vLLM with a digest: the digest of the seed's text. */
export function digestRoot(
  { digest, bytes }: DigestKind,
  form: "cbor" | "pickle",
  seed: string | undefined,
  hash: string,
): Buffer {
  if (seed !== undefined) checkSeed(seed);
  else if (!hash.startsWith("sha256"))
    throw new KeepwarmError("INPUT_INVALID", `chains of ${hash} begin at random without a seed`, {
      remedy: "Give the PYTHONHASHSEED that the engines run with.",
    });
  const text = seed ?? defaultSeed;
  const root = Buffer.alloc(bytes);
  digest(form === "cbor" ? cborText(text) : pickleText(text), root, 0, bytes);
  return root;
}
