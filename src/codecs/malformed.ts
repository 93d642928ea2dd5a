import { KeepwarmError } from "../errors.ts";

/** Bytes that claim to be a container of ours and are not a sound one. */
export function malformed(what: string, cause?: unknown): KeepwarmError {
  return new KeepwarmError("INPUT_INVALID", `an encoded block cannot be decoded: ${what}`, {
    remedy: "Treat it as a miss and delete it; whoever needs the block makes it anew.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A tensor that a codec cannot encode. */
export function unsuitable(codec: string, what: string): KeepwarmError {
  return new KeepwarmError("INPUT_INVALID", `${codec} cannot encode ${what}`, {
    remedy: "Use the codec zstd-planes for such blocks, which takes any bytes.",
  });
}
