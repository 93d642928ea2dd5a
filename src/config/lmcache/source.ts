import { readConfigFile } from "../file.ts";
import { formatOrigin, type Origin } from "../origin.ts";
import type { Problem } from "../problem.ts";
import { closest } from "../suggest.ts";
import { allKeys, idleKeys, isUsed, olderNames, type UsedKey } from "./known-keys.ts";

const prefix = "LMCACHE_";
/** Variables with that prefix that are no settings of the cache. */
const otherVariables =
  /^(CONFIG_FILE|EC_|RESP_|MP_|LOG_|TRACK_USAGE|USE_EXPERIMENTAL|DEBUG|FORCE_|PROMETHEUS_)/;

/** A value of LMCache's configuration, as it was written, with its place. */
export interface Written {
  readonly value: unknown;
  readonly origin: Origin;
}

/** LMCache's configuration as its file and variables have it. */
export interface LmcacheSource {
  readonly values: ReadonlyMap<UsedKey, Written>;
  readonly problems: readonly Problem[];
  /** Keys that LMCache does not know either, and what they were probably meant to be. */
  readonly warnings: readonly string[];
  /** Keys that have no meaning here, and why. */
  readonly notes: readonly string[];
}

/**
 * Reads `file`, if there is one, and lets `LMCACHE_*` variables win over it, as LMCache does.
 *
 * @throws KeepwarmError `CONFIG_INVALID` when the file cannot be read.
 */
export function readSource(
  env: NodeJS.ProcessEnv,
  file?: { readonly path: string; readonly name: string },
): LmcacheSource {
  const values = new Map<UsedKey, Written>();
  const idle = new Map<string, Origin>();
  const warnings: string[] = [];
  const problems: Problem[] = [];
  const take = (name: string, value: unknown, origin: Origin): void => {
    const key = olderNames[name] ?? name;
    if (isUsed(key)) {
      if (value === null || value === "") values.delete(key);
      else values.set(key, { value, origin });
    } else if (Object.hasOwn(idleKeys, key)) idle.set(key, origin);
    else warnings.push(unknownKey(name, origin));
  };
  if (file !== undefined) {
    const read = readConfigFile(file.path, file.name);
    problems.push(...read.problems);
    for (const [name, value] of Object.entries(read.value)) take(name, value, read.origin([name]));
  }
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(prefix) || value === undefined || value === "") continue;
    const key = name.slice(prefix.length).toLowerCase();
    const known = allKeys.includes(key) && name === name.toUpperCase();
    if (known) take(key, unquoted(value), { from: "env", name });
    else if (!otherVariables.test(name.slice(prefix.length))) {
      const meant = closest(key, allKeys);
      if (meant !== undefined)
        warnings.push(`${name} is not read; did you mean ${prefix}${meant.toUpperCase()}?`);
    }
  }
  const notes = [...idle].map(
    ([key, origin]) => `${formatOrigin(origin)}: ${key} has no effect here: it ${idleKeys[key]}`,
  );
  return { values, problems, warnings, notes };
}

function unknownKey(name: string, origin: Origin): string {
  const meant = closest(name, allKeys);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return `${formatOrigin(origin)}: ${name} is no setting of LMCache that is known here${hint}`;
}

/** LMCache takes quotes around a variable's value away. */
function unquoted(text: string): string {
  const trimmed = text.trim();
  return /^(["']).*\1$/s.test(trimmed) && trimmed.length >= 2 ? trimmed.slice(1, -1) : trimmed;
}
