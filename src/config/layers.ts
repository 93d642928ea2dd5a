import { defaultOrigin, type Origin } from "./origin.ts";

type Json = Record<string, unknown>;

/** Raw settings of all sources, later sources over earlier ones, each leaf with its origin. */
export class Layers {
  readonly raw: Json = {};
  readonly origins = new Map<string, Origin>();

  /** Sets one leaf. A parent that is no mapping stays, for the schema to object to. */
  set(path: string, value: unknown, origin: Origin): void {
    const steps = path.split(".");
    const last = steps.pop()!;
    let parent = this.raw;
    for (const step of steps) {
      if (!Object.hasOwn(parent, step)) parent[step] = {};
      const next = parent[step];
      if (!isMapping(next)) return;
      parent = next;
    }
    parent[last] = value;
    this.origins.set(path, origin);
  }

  /** Sets every leaf of a nested value. Lists are leaves. */
  merge(value: Json, originOf: (path: readonly string[]) => Origin): void {
    for (const [path, leaf] of leaves(value)) this.set(path.join("."), leaf, originOf(path));
  }

  /** The origin of a leaf or of the nearest thing above it. */
  origin(path: readonly PropertyKey[]): Origin {
    for (let depth = path.length; depth > 0; depth--) {
      const origin = this.origins.get(path.slice(0, depth).join("."));
      if (origin) return origin;
    }
    return defaultOrigin;
  }
}

/** The leaves of a nested value, depth first. Lists are leaves; empty mappings have none. */
export function* leaves(value: Json, path: readonly string[] = []): Generator<[string[], unknown]> {
  for (const [key, entry] of Object.entries(value)) {
    if (isMapping(entry)) yield* leaves(entry, [...path, key]);
    else yield [[...path, key], entry];
  }
}

function isMapping(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
