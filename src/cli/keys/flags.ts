import { KeepwarmError } from "../../errors.ts";
import type { OutputFlags } from "../output.ts";

/** Flags of `keepwarm keys`. */
export interface KeysFlags extends OutputFlags {
  readonly family: string;
  readonly tokens: string;
  readonly hash?: string;
  readonly chunkSize?: string;
  readonly pageSize?: string;
  readonly saveUnfullChunk?: boolean;
  readonly seed?: string;
  readonly release?: string;
  readonly python?: string;
  readonly bigram?: boolean;
  readonly extraKey?: string;
  readonly cacheSalt?: string;
  readonly model?: string;
  readonly dtype?: string;
  readonly worldSize?: string;
  readonly workerId?: string;
  readonly group?: string;
  readonly mla?: boolean;
  readonly part?: string;
}

/** Flags of a family besides those of all. */
const flagsOf = {
  lmcache: ["hash", "chunkSize", "saveUnfullChunk", "seed", "release", "python", "dtype", "part"],
  "lmcache-mp": ["hash", "chunkSize", "seed", "python", "cacheSalt", "group"],
  hicache: ["pageSize", "saveUnfullChunk", "bigram", "extraKey", "cacheSalt", "mla"],
  native: ["chunkSize", "saveUnfullChunk", "extraKey", "cacheSalt", "dtype"],
} as const satisfies Record<string, readonly (keyof KeysFlags)[]>;

const common: readonly string[] = [
  "family",
  "tokens",
  "model",
  "worldSize",
  "workerId",
  "json",
  "quiet",
];
/** Flags that only say something about keys. */
const ofKeys = ["dtype", "worldSize", "workerId", "group", "mla", "part"] as const;

export type HashedFamily = keyof typeof flagsOf;

/** @throws KeepwarmError `INPUT_INVALID` for flags that do not go together. */
export function checkFlags(flags: KeysFlags): HashedFamily {
  const family = oneOf("--family", flags.family, Object.keys(flagsOf)) as HashedFamily;
  const known = new Set([...common, ...flagsOf[family]]);
  const names = Object.keys(flags).filter((name) => flags[name as keyof KeysFlags] !== undefined);
  const foreign = names.find((name) => !known.has(name));
  if (foreign !== undefined)
    throw new KeepwarmError("INPUT_INVALID", `${spell(foreign)} is not for --family ${family}`, {
      remedy: `It has ${flagsOf[family].map(spell).join(", ")}.`,
    });
  const idle = ofKeys.find((name) => flags[name] !== undefined);
  if (idle !== undefined && flags.model === undefined)
    throw new KeepwarmError("INPUT_INVALID", `${spell(idle)} needs --model`, {
      remedy: "Name the model, so that full keys are printed.",
    });
  return family;
}

/** @throws KeepwarmError `INPUT_INVALID` for a value that is none of `values`. */
export function oneOf<T extends string>(flag: string, value: string, values: readonly T[]): T {
  const found = values.find((known) => known === value);
  if (found !== undefined) return found;
  throw new KeepwarmError("INPUT_INVALID", `${flag} ${JSON.stringify(value)} is not known`, {
    remedy: `Write one of ${values.join(", ")}.`,
  });
}

function spell(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
