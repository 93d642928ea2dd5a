import type { RespConnection } from "../../backends/valkey/connection.ts";
import { parseKey, type KeyFacts } from "../../keys/family.ts";
import { scanKeys } from "../server/scan.ts";
import type { Alternative } from "./alternatives.ts";

/** A field in which the name of a stored block differs from the one that was asked for. */
interface Difference {
  readonly field: string;
  readonly asked: string;
  readonly stored: string;
}

/** The tokens in question, stored under another name. */
export interface Sighting {
  /** Another way to hash them; absent when the hash is the one that was asked for. */
  readonly alternative?: Alternative;
  readonly differences: readonly Difference[];
  /** One of the keys. */
  readonly key: Buffer;
  /** Keys that differ in this way. */
  keys: number;
}

/** What a look at the stored keys brought. */
export interface Search {
  readonly sightings: readonly Sighting[];
  readonly scanned: number;
  /** Not all keys were looked at. */
  readonly truncated: boolean;
  /** Keys by model, most first. */
  readonly models: readonly (readonly [model: string, keys: number])[];
}

const compared = [
  "family",
  "model",
  "dtype",
  "worldSize",
  "rank",
  "layer",
  "group",
  "salt",
  "tags",
  "format",
  "prefix",
] as const satisfies readonly (keyof KeyFacts)[];

const names: Readonly<Partial<Record<(typeof compared)[number], string>>> = {
  worldSize: "world size",
  salt: "cache salt",
  format: "first field",
  prefix: "key prefix",
};

/** Looks through stored keys for the hash that was asked for and for `alternatives`. */
export async function searchStored(
  connection: RespConnection,
  asked: KeyFacts,
  alternatives: readonly Alternative[],
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<Search> {
  const byHash = new Map(alternatives.map((other) => [other.hash, other]));
  const sightings = new Map<string, Sighting>();
  const models = new Map<string, number>();
  let scanned = 0;
  for await (const page of scanKeys(connection)) {
    signal.throwIfAborted();
    for (const key of page) {
      const facts = parseKey(key);
      scanned++;
      if (facts.model !== undefined) models.set(facts.model, (models.get(facts.model) ?? 0) + 1);
      if (facts.hash === undefined) continue;
      const alternative = facts.hash === asked.hash ? undefined : byHash.get(facts.hash);
      if (alternative === undefined && facts.hash !== asked.hash) continue;
      const differences = differencesOf(asked, facts);
      if (alternative === undefined && differences.length === 0) continue;
      const id = JSON.stringify([alternative?.hash, differences]);
      const seen = sightings.get(id);
      if (seen) seen.keys++;
      else sightings.set(id, { ...(alternative && { alternative }), differences, key, keys: 1 });
    }
    if (scanned >= limit) break;
  }
  return {
    sightings: [...sightings.values()].toSorted((a, b) => distance(a) - distance(b)),
    scanned,
    truncated: scanned >= limit,
    models: [...models].toSorted((a, b) => b[1] - a[1]),
  };
}

function differencesOf(asked: KeyFacts, stored: KeyFacts): Difference[] {
  return compared.flatMap((field) => {
    const [a, b] = [shown(asked[field]), shown(stored[field])];
    return a === b ? [] : [{ field: names[field] ?? field, asked: a, stored: b }];
  });
}

function shown(value: KeyFacts[keyof KeyFacts]): string {
  if (value === undefined) return "none";
  return typeof value === "object"
    ? value.map(([name, text]) => `${name}=${text}`).join(",")
    : String(value);
}

function distance({ alternative, differences }: Sighting): number {
  return differences.length + (alternative ? 1 + Object.keys(alternative.changed).length : 0);
}
