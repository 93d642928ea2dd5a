/** First field of Keepwarm's own keys. */
export const nativeFormat = "kw";

/** The fields of a key that Keepwarm itself makes. */
export interface NativeKey {
  /** No `@` in it. */
  readonly model: string;
  /** Default 1. */
  readonly worldSize?: number;
  /** Default 0. */
  readonly rank?: number;
  /** Lower-case hex, at most 64 digits. */
  readonly hash: string;
  /** As LMCache spells it. */
  readonly dtype: string;
}

/** `kw@{model}@{world_size}@{rank}@{hash}@{dtype}`: LMCache's form, with a first field of its own. */
export function nativeKey({ model, worldSize = 1, rank = 0, hash, dtype }: NativeKey): string {
  return `${nativeFormat}@${model}@${worldSize}@${rank}@${hash}@${dtype}`;
}
