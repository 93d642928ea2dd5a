import { hostname, networkInterfaces } from "node:os";
import { formatOrigin } from "../origin.ts";
import type { Problem } from "../problem.ts";
import type { Layers } from "../layers.ts";
import { remoteUrl } from "./remote-url.ts";
import { checkLmcache, type CheckedLmcache } from "./load.ts";
import type { UsedKey } from "./known-keys.ts";

/** Variable that lets `keepwarm serve` and `config` read LMCache's file and variables. */
const lmcacheSwitch = "KEEPWARM_LMCACHE";

/** Settings that a server takes over from LMCache's configuration. */
const settings = [
  ["ram.size", "max_local_cpu_size", "ramBytes"],
  ["ram.policy", "cache_policy", "policy"],
  ["ssd.dir", "local_disk", "directory"],
  ["ssd.size", "max_local_disk_size", "diskBytes"],
] as const;

/** Keys about the names of blocks, which clients make. */
const naming = [
  "chunk_size",
  "pre_caching_hash_algorithm",
  "save_unfull_chunk",
] as const satisfies readonly UsedKey[];

/** LMCache's configuration under that of a server. */
export interface LmcacheLayer {
  readonly file: string | undefined;
  readonly checked: CheckedLmcache;
  readonly notes: readonly string[];
}

/**
 * LMCache's configuration, when it was asked for: `--lmcache-config FILE` reads that file,
 * `KEEPWARM_LMCACHE=1` the one of `LMCACHE_CONFIG_FILE`; `LMCACHE_*` variables win over either. Without
 * one of the two, nothing of it is looked at. A switch that says neither yes nor no is a problem.
 */
export function readLmcacheLayer(
  flag: unknown,
  env: NodeJS.ProcessEnv,
  cwd: string,
): LmcacheLayer | Problem | undefined {
  const asked = env[lmcacheSwitch] ?? "";
  const isNo = /^(0|false|no|off)?$/i.test(asked);
  if (!isNo && !/^(1|true|yes|on)$/i.test(asked))
    return {
      origin: { from: "env", name: lmcacheSwitch },
      path: "",
      message: "must be 1 or 0",
      remedy: "Name LMCache's file in LMCACHE_CONFIG_FILE, or with --lmcache-config.",
    };
  const named = typeof flag === "string" ? flag : undefined;
  if (named === undefined && isNo) return undefined;
  const file = named ?? (env["LMCACHE_CONFIG_FILE"] || undefined);
  const checked = checkLmcache({ env, cwd, ...(file !== undefined && { file }) });
  const notes = naming.flatMap((key) => {
    const origin = checked.read.written(key)?.origin;
    const what = "has no effect here: clients name blocks, the server keeps them by name";
    return origin === undefined ? [] : [`${formatOrigin(origin)}: ${key} ${what}`];
  });
  return { file, checked, notes: [...checked.notes, ...notes] };
}

export function isProblem(layer: LmcacheLayer | Problem): layer is Problem {
  return "message" in layer;
}

/** Sets what LMCache's configuration says; whatever is set later wins over it. */
export function applyLmcache({ checked: { read, local } }: LmcacheLayer, layers: Layers): void {
  for (const [path, key, field] of settings)
    if (local[field] !== undefined) layers.set(path, local[field], read.written(key)!.origin);
}

/**
 * Makes what `remote_url` names a tier behind the server, unless `remote` is set already, or the URL
 * names a port that the server itself listens on: then the file is that of its clients. Its
 * `remote_serde` becomes a codec for what goes there. Returns a sentence when it has no effect.
 *
 * @param layers all settings, those of the listeners included
 */
export function applyRemote(
  { checked: { read, remote } }: LmcacheLayer,
  layers: Layers,
): string | undefined {
  if (remote === undefined) return undefined;
  const { origin } = read.written("remote_url")!;
  const { endpoints, label } = remote;
  const what = `${formatOrigin(origin)}: remote_url ${label}`;
  const listener = remote.remote.store === "lm" ? "lm" : "resp";
  const { port = listener === "resp" ? 6379 : "off", host: bound = "127.0.0.1" } = (layers.raw[
    listener
  ] ?? {}) as { readonly port?: unknown; readonly host?: unknown };
  const [{ host, port: there }, ...more] = [...endpoints, { host: "", port: -1 }];
  if (more.length === 1 && isOwnAddress(host, bound) && there === Number(port))
    return `${what} is this server itself`;
  if (layers.raw["remote"] !== undefined) return `${what} gives way to the setting remote`;
  layers.set("remote", [remoteUrl(remote.remote)], origin);
  const serde = read.written("remote_serde");
  if (serde?.value === "cachegen" && layers.raw["codecs"] === undefined)
    layers.set("codecs", [{ codec: "cachegen", remote: true }], serde.origin);
  return undefined;
}

/** Whether `host` leads to a listener of this machine that is bound to `bound`. */
function isOwnAddress(host: string, bound: unknown): boolean {
  const isEverywhere = bound === "0.0.0.0" || bound === "::";
  if (/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host))
    return isEverywhere || /^(localhost|127\.|::1)/.test(String(bound));
  if (!isEverywhere) return host === bound;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return host === hostname() || own.some(({ address }) => address === host);
}
