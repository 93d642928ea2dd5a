import type { KeyFacts, KeyOf, ValuePart } from "./facts.ts";
import { nativeFormat } from "./native.ts";
import { count, present } from "./text.ts";

// {model}@{world_size}@{worker_id}@{hash}@{dtype}[@{layer}][@{tag}%{value}…]          newest
// {fmt}@{model}@{world_size}@{worker_id}@{hash}[@{dtype}][@{layer}][@{tag}%{value}…]  older
//
// A value in two parts has them at the end: …kv_bytes and …metadata (redis://), …:kv_bytes and
// …:metadata (older valkey://), {…}:kv_bytes and {…}:metadata (older valkey:// in a cluster).

const partForms = [
  ["braces", /^\{(.+)\}:(kv_bytes|metadata)$/s],
  ["colon", /^(.+):(kv_bytes|metadata)$/s],
  ["joined", /^(.+)(kv_bytes|metadata)$/s],
] as const;
const hash = /^-?[0-9a-f]{1,64}$/;
const word = /^[a-z][a-z0-9_]*$/;

/** Keys of LMCache's in-process mode, all generations; and Keepwarm's own, which look like them. */
export function parseLmcache(key: string): KeyFacts | undefined {
  for (const [partForm, pattern] of partForms) {
    const match = pattern.exec(key);
    const facts = match && parseName(match[1]);
    if (facts) return { ...facts, part: match[2], partForm };
  }
  return parseName(key);
}

/** The key of which {@link parseLmcache} tells `facts`. */
export function buildLmcache(facts: KeyOf<"lmcache" | "native">): string {
  const { family, format, model, worldSize, rank, hash, dtype, layer, tags = [] } = facts;
  const name = [
    ...present(family === "native" ? nativeFormat : format),
    model,
    worldSize,
    rank,
    hash,
    ...present(dtype),
    ...present(layer),
    ...tags.map(([tag, value]) => `${tag}%${value}`),
  ].join("@");
  return facts.part === undefined ? name : partOf(name, facts.part as ValuePart, facts.partForm);
}

function partOf(name: string, part: ValuePart, form: KeyFacts["partForm"] = "joined"): string {
  if (form === "joined") return name + part;
  return form === "colon" ? `${name}:${part}` : `{${name}}:${part}`;
}

function parseName(name: string): KeyFacts | undefined {
  const fields = name.split("@");
  const newest = ranksAt(fields, 1) && word.test(fields[4] ?? "") && fields[0] !== "";
  if (!newest && !(ranksAt(fields, 2) && fields[0] !== "" && fields[1] !== "")) return undefined;
  const [format, from] = newest ? [undefined, 0] : [fields[0], 1];
  const rest = parseRest(fields.slice(from + 4));
  if (!rest) return undefined;
  return {
    family: format === nativeFormat ? "native" : "lmcache",
    ...(format === undefined || format === nativeFormat ? {} : { format }),
    model: fields[from],
    worldSize: Number(fields[from + 1]),
    rank: Number(fields[from + 2]),
    hash: fields[from + 3],
    ...rest,
  };
}

function ranksAt(fields: readonly string[], at: number): boolean {
  return (
    count.test(fields[at] ?? "") &&
    count.test(fields[at + 1] ?? "") &&
    hash.test(fields[at + 2] ?? "")
  );
}

/** What follows the hash: a dtype, a layer, tags, each of which may be missing. */
function parseRest(
  fields: readonly string[],
): Pick<KeyFacts, "dtype" | "layer" | "tags"> | undefined {
  const left = [...fields];
  const dtype = word.test(left[0] ?? "") ? left.shift() : undefined;
  const layer = count.test(left[0] ?? "") ? left.shift() : undefined;
  if (left.some((field) => !field.includes("%"))) return undefined;
  const tags = left.map((field) => splitTag(field));
  return {
    ...(dtype === undefined ? {} : { dtype }),
    ...(layer === undefined ? {} : { layer: Number(layer) }),
    ...(tags.length === 0 ? {} : { tags }),
  };
}

function splitTag(field: string): readonly [name: string, value: string] {
  const at = field.indexOf("%");
  return [field.slice(0, at), field.slice(at + 1)];
}
