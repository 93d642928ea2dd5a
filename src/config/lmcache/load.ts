import { resolve } from "node:path";
import { closest } from "../suggest.ts";
import { formatOrigin } from "../origin.ts";
import { configError } from "../problem.ts";
import type { PolicyName } from "../../store/policies/index.ts";
import { localTiers, type LocalTiers } from "./local.ts";
import { namespaceOf, type LmcacheNamespace } from "./namespace.ts";
import { Reader } from "./reader.ts";
import { remoteOf, type LmcacheRemote, type Remote } from "./remote.ts";
import { readSource } from "./source.ts";

/** Where {@link loadLmcacheConfig} looks. */
export interface LmcacheSources {
  /** `LMCACHE_*`, `PYTHONHASHSEED` and the like. Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** LMCache's YAML file. Default what `LMCACHE_CONFIG_FILE` names, if anything. */
  readonly file?: string;
  /** Where relative paths start. Default `process.cwd()`. */
  readonly cwd?: string;
}

/** LMCache's configuration in our words. */
export interface LmcacheConfig {
  /** For `LocalStore` or `RamTier`; absent when no size is named. */
  readonly ram?: { readonly capacityBytes: number; readonly policy?: PolicyName };
  /** For `LocalStore` or `SsdTier`; absent without a `local_disk`. */
  readonly ssd?: { readonly directory: string; readonly capacityBytes: number };
  /** What `remote_url` means: options for `ValkeyStore` or `LmStore`. */
  readonly remote?: LmcacheRemote;
  readonly namespace: LmcacheNamespace;
  /** A sentence for each key that is unknown or means something else here. */
  readonly warnings: readonly string[];
  /** A sentence for each known key that has no effect here. */
  readonly notes: readonly string[];
}

/** As {@link LmcacheConfig}, with where things were written and what is wrong. */
export interface CheckedLmcache {
  readonly read: Reader;
  readonly local: LocalTiers;
  readonly remote: Remote | undefined;
  readonly namespace: LmcacheNamespace;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

/**
 * What an LMCache configuration means here: options for a store of this machine and one beyond it, and
 * how prompts are cut and hashed. `LMCACHE_*` variables win over the file, as in LMCache.
 *
 * @throws KeepwarmError `CONFIG_INVALID` with one line per problem: place, key, what is wrong.
 *
 * @example
 * ```ts
 * const { ram, ssd, remote } = loadLmcacheConfig({ file: "lmcache.yaml" });
 * ```
 */
export function loadLmcacheConfig(sources: LmcacheSources = {}): LmcacheConfig {
  const { env = process.env, cwd = process.cwd() } = sources;
  const file = sources.file ?? (env["LMCACHE_CONFIG_FILE"] || undefined);
  const { read, local, remote, ...rest } = checkLmcache({ env, cwd, ...(file && { file }) });
  if (read.problems.length > 0) throw configError(read.problems);
  const { ramBytes, policy, directory, diskBytes } = local;
  return {
    ...(ramBytes !== undefined && { ram: { capacityBytes: ramBytes, ...(policy && { policy }) } }),
    ...(directory !== undefined && { ssd: { directory, capacityBytes: diskBytes! } }),
    ...(remote && { remote: remote.remote }),
    ...rest,
  };
}

/** The same with problems as a list. Throws only when the file cannot be read. */
export function checkLmcache(
  sources: LmcacheSources & { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): CheckedLmcache {
  const { env, cwd, file } = sources;
  const source = readSource(
    env,
    file === undefined ? undefined : { path: resolve(cwd, file), name: file },
  );
  const read = new Reader(source);
  const warnings = [...source.warnings];
  const note = (key: string, text: string): void => {
    const origin = source.values.get(key as never)?.origin;
    warnings.push(`${origin === undefined ? "" : `${formatOrigin(origin)}: `}${key} ${text}`);
  };
  const local = localTiers(read, cwd, note);
  const namespace = namespaceOf(read, env, note);
  const remote = remoteOf(read, env);
  checkSerde(read, note);
  return { read, local, remote, namespace, warnings, notes: source.notes };
}

/** Values that engines send are kept as the bytes they are, whatever serde made them. */
function checkSerde(read: Reader, note: (key: string, text: string) => void): void {
  const name = read.text("remote_serde");
  if (name === undefined || name === "naive" || name === "kivi") return;
  if (name === "cachegen") {
    note(
      "remote_serde",
      "cachegen: what engines send encoded is kept as it is; what goes to remote_url from here is encoded by Keepwarm's own cachegen, lossy, for Keepwarm alone to read",
    );
    return;
  }
  const meant = closest(name, ["naive", "kivi", "cachegen"]);
  read.fail(
    "remote_serde",
    `${JSON.stringify(name)} is no serde of LMCache`,
    meant === undefined ? "Serdes are naive, kivi and cachegen." : `Did you mean ${meant}?`,
  );
}
