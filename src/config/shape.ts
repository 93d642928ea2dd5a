import { closest } from "./suggest.ts";
import { configJsonSchema } from "./schema.ts";
import type { z } from "zod";

type Schema = z.core.JSONSchema.BaseSchema;

/** Dotted paths of all settings that are one value (no lists of mappings), in schema order. */
export function settingPaths(): string[] {
  return [...walk(configJsonSchema(), [])]
    .filter(([, leaf]) => !isList(leaf))
    .map(([path]) => path);
}

/** What a key that does not exist at `path` was probably meant to be. */
export function suggestKey(path: readonly PropertyKey[], key: string): string | undefined {
  const siblings = Object.keys(schemaAt(path)?.properties ?? {});
  const near = closest(key, siblings);
  if (near !== undefined) return near;
  const paths = [...walk(configJsonSchema(), [])].map(([path]) => path);
  return (
    paths.find((path) => path.split(".").at(-1)?.toLowerCase() === key.toLowerCase()) ??
    closest(key, paths)
  );
}

function* walk(schema: Schema, path: readonly string[]): Generator<[string, Schema]> {
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const below = value as Schema;
    if (below.properties) yield* walk(below, [...path, key]);
    else yield [[...path, key].join("."), below];
  }
}

function schemaAt(path: readonly PropertyKey[]): Schema | undefined {
  let schema: Schema | undefined = configJsonSchema();
  for (const step of path)
    schema = (typeof step === "number" ? schema?.items : schema?.properties?.[String(step)]) as
      Schema | undefined;
  return schema;
}

function isList(schema: Schema): boolean {
  return schema.type === "array";
}
