import type { KeyFacts } from "./family.ts";
import { nativeFormat } from "./native.ts";

// {model}@{world_size}@{worker_id}@{hash}@{dtype}[@{layer}][@{tag}%{value}…]          newest
// {fmt}@{model}@{world_size}@{worker_id}@{hash}[@{dtype}][@{layer}][@{tag}%{value}…]  older
//
// A value in two parts has them at the end: …kv_bytes and …metadata (redis://), …:kv_bytes and
// …:metadata (older valkey://), {…}:kv_bytes and {…}:metadata (older valkey:// in a cluster).

const partForm = /^(\{)?(.+?)(?:(\}):|:)?(kv_bytes|metadata)$/s;
const count = /^\d{1,7}$/;
const hash = /^-?[0-9a-f]{1,64}$/;
const word = /^[a-z][a-z0-9_]*$/;

/** Keys of LMCache's in-process mode, all generations; and Keepwarm's own, which look like them. */
export function parseLmcache(key: string): KeyFacts | undefined {
  const match = partForm.exec(key);
  if (match) {
    const [, opened, inner, closed, part] = match;
    const name = opened !== undefined && closed === undefined ? `{${inner}` : inner;
    const facts = parseName(name);
    if (facts) return { ...facts, part };
  }
  return parseName(key);
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
  const tags = left.map((field) => field.split("%"));
  if (tags.some((tag) => tag.length < 2)) return undefined;
  return {
    ...(dtype === undefined ? {} : { dtype }),
    ...(layer === undefined ? {} : { layer: Number(layer) }),
    ...(tags.length === 0
      ? {}
      : { tags: Object.fromEntries(tags.map(([name, ...value]) => [name, value.join("%")])) }),
  };
}
