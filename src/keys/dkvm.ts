import type { KeyFacts, KeyOf } from "./facts.ts";

// [/kvmeta/]kv_{session}_layer_{layer}_{hash}.pt
const form = /^(\/kvmeta\/)?kv_(.+)_layer_(0|[1-9]\d{0,6})_([0-9a-f]+)\.pt$/;

/** Logical keys of the Distributed KV Manager; under `/kvmeta/` they name records. */
export function parseDkvm(key: string): KeyFacts | undefined {
  const match = form.exec(key);
  if (!match) return undefined;
  const [, record, session, layer, hash] = match;
  return {
    family: "dkvm",
    session,
    layer: Number(layer),
    hash,
    ...(record === undefined ? {} : { part: "metadata" }),
  };
}

/** The key of which {@link parseDkvm} tells `facts`. */
export function buildDkvm({ session, layer, hash, part }: KeyOf<"dkvm">): string {
  return `${part === undefined ? "" : "/kvmeta/"}kv_${session}_layer_${layer}_${hash}.pt`;
}
