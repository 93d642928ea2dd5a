import { parseKey, type KeyFacts, buildKey } from "../../keys/family.ts";
import type { KeyOf } from "../../keys/facts.ts";

/** One way in which a chunk may be stored: under one key, or under two that need each other. */
interface Form {
  readonly keys: readonly Buffer[];
}

/** One link of a chain: some tokens, and the keys that their block may have. */
export interface Chunk {
  /** Its key, without the ending of one half. */
  readonly name: Buffer;
  readonly facts: KeyFacts;
  readonly forms: readonly Form[];
  /** Number of its first token, where tokens are known. */
  readonly start?: number;
  /** Number of the token behind it. */
  readonly end?: number;
}

const partForms = ["joined", "colon", "braces"] as const;

/**
 * A chunk of this key. LMCache's connectors write one key or two, with three kinds of endings: any of
 * them will do, first the one that was asked for.
 */
export function chunkOf(key: Buffer, tokens?: { start: number; end: number }): Chunk {
  const facts = parseKey(key);
  if (facts.family !== "lmcache" || facts.layer !== undefined)
    return { name: key, facts, forms: [{ keys: [key] }], ...tokens };
  const { part: _, partForm, ...bare } = facts as KeyOf<"lmcache">;
  const name = Buffer.from(buildKey(bare));
  const pairs = partForms.map((form) => ({
    form,
    keys: ["metadata", "kv_bytes"].map((part) =>
      Buffer.from(buildKey({ ...bare, part, partForm: form })),
    ),
  }));
  const asked = pairs.filter(({ form }) => form === partForm);
  const others = pairs.filter(({ form }) => form !== partForm);
  return { name, facts: bare, forms: [...asked, { keys: [name] }, ...others], ...tokens };
}
