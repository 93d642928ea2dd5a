import { KeepwarmError } from "../../errors.ts";
import { buildKey } from "../../keys/family.ts";
import { parseCount } from "../parse.ts";
import { oneOf, type HashedFamily, type KeysFlags } from "./flags.ts";

/**
 * What makes a store key of a chunk's hash; nothing when no model was given.
 *
 * @throws KeepwarmError `INPUT_INVALID` for a namespace that is none.
 */
export function keyMaker(
  family: HashedFamily,
  flags: KeysFlags,
): ((hash: string) => string) | undefined {
  const { model } = flags;
  if (model === undefined) return undefined;
  const worldSize = parseCount(flags.worldSize ?? "1", "--world-size", 1);
  const rank = parseCount(flags.workerId ?? "0", "--worker-id");
  if (rank >= worldSize)
    throw new KeepwarmError("INPUT_INVALID", `--worker-id ${rank} is not below --world-size`, {
      remedy: `Write one from 0 to ${worldSize - 1}, or a greater --world-size.`,
    });
  const ranks = { model, worldSize, rank };
  switch (family) {
    case "lmcache-mp": {
      const group = parseCount(flags.group ?? "0", "--group");
      const salt = flags.cacheSalt ? { salt: flags.cacheSalt } : {};
      return (hash) => buildKey({ family, ...ranks, group, hash, ...salt });
    }
    case "hicache":
      return (hash) => buildKey({ family, ...(flags.mla ? { model } : ranks), hash });
    default: {
      const dtype = parseDtype(flags.dtype);
      const part = flags.part && { part: oneOf("--part", flags.part, ["kv_bytes", "metadata"]) };
      return (hash) => buildKey({ family, ...ranks, hash, dtype, ...part });
    }
  }
}

function parseDtype(dtype: string | undefined): string {
  if (dtype !== undefined) return dtype;
  throw new KeepwarmError("INPUT_INVALID", "--dtype is missing", {
    remedy: "Write the element type that stands in the keys, such as bfloat16 or half.",
  });
}
