import type { RespConnection } from "../../backends/valkey/connection.ts";
import type { Chunk } from "./chunk.ts";
import { fatesOf, type Fate } from "./fate.ts";

/** What there is of a chunk. */
export type Finding =
  | { readonly state: "found"; readonly key: Buffer; readonly tiers: readonly string[] }
  /** One key of two. */
  | { readonly state: "half"; readonly key: Buffer; readonly missing: Buffer; readonly fate: Fate }
  | { readonly state: "missing"; readonly key: Buffer; readonly fate: Fate };

/** Asks for all keys that the chunks may have. */
export async function findChunks(
  connection: RespConnection,
  chunks: readonly Chunk[],
  rich: boolean,
): Promise<Finding[]> {
  const keys = chunks.flatMap(({ forms }) => forms.flatMap((form) => form.keys));
  const fates = await fatesOf(connection, keys, rich);
  let at = 0;
  return chunks.map(({ forms }) =>
    judge(forms.map((form) => form.keys.map((key) => ({ key, fate: fates[at++] })))),
  );
}

interface Known {
  readonly key: Buffer;
  readonly fate: Fate;
}

function judge(forms: readonly (readonly Known[])[]): Finding {
  const isPresent = ({ fate }: Known): boolean => fate.state === "present";
  const whole = forms.find((keys) => keys.every(isPresent));
  if (whole) return { state: "found", key: whole.at(-1)!.key, tiers: tiersOf(whole) };
  const half = forms.find((keys) => keys.some(isPresent));
  if (half) {
    const missing = half.find((known) => !isPresent(known))!;
    return {
      state: "half",
      key: half.find(isPresent)!.key,
      missing: missing.key,
      fate: missing.fate,
    };
  }
  const [latest] = forms.flat().toSorted((a, b) => weight(b.fate) - weight(a.fate));
  return { state: "missing", ...latest };
}

/** Where all of them are: the tiers of the one that is furthest down. */
function tiersOf(keys: readonly Known[]): readonly string[] {
  const tiers = keys.map(({ fate }) => (fate.state === "present" ? fate.tiers : []));
  return tiers.find((names) => !names.includes("ram")) ?? tiers[0];
}

/** What is known for certain weighs more, and what happened last. */
function weight(fate: Fate): number {
  if (fate.state === "left") return fate.at;
  return fate.state === "cleared" ? 1 : 0;
}
