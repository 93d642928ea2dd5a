import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { environmentValues, environmentWarnings } from "./environment.ts";
import { readConfigFile, type ConfigFile } from "./file.ts";
import { flagName, longFlag, serveFlags, type FlagValues } from "./flags.ts";
import { Layers, leaves } from "./layers.ts";
import { applyLmcache, applyRemote, isProblem, readLmcacheLayer } from "./lmcache/layer.ts";
import { defaultOrigin, type Origins } from "./origin.ts";
import { configError, type Problem } from "./problem.ts";
import { brokenRules } from "./rules.ts";
import { configSchema, type Config, type ConfigInput } from "./schema.ts";
import { settingPaths, suggestKey } from "./shape.ts";

/** Where {@link loadConfig} looks. */
export interface ConfigSources {
  /** Serve flags by camel-cased name; `config` and `lmcacheConfig`: files to read. Default none. */
  readonly flags?: FlagValues;
  /** Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where `keepwarm.yaml` is looked for and relative paths start. Default `process.cwd()`. */
  readonly cwd?: string;
}

/** A configuration that holds, with where each of its values came from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Origins;
  /** The file that was read, if there was one. */
  readonly file: string | undefined;
  /** LMCache's file, if it was asked for and named. */
  readonly lmcacheFile: string | undefined;
  /** Things worth telling that are no errors. */
  readonly warnings: readonly string[];
  /** What was read and has no effect here. */
  readonly notes: readonly string[];
}

/** What {@link checkConfig} found: a configuration when there are no problems. */
export interface CheckedConfig extends Omit<LoadedConfig, "config"> {
  readonly config: Config | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Defaults, then LMCache's configuration if it is asked for, then the file, then `KEEPWARM_*`, then
 * flags; later ones win.
 *
 * @throws KeepwarmError `CONFIG_INVALID` with one line per problem: place, setting, what is wrong.
 */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const { config, problems, ...rest } = checkConfig(sources);
  if (config === undefined) throw configError(problems);
  return { config, ...rest };
}

/**
 * A configuration from a value in hand, such as `{ resp: { port: 0 }, ram: { size: "1GiB" } }`;
 * neither files nor the environment are read.
 *
 * @throws KeepwarmError `CONFIG_INVALID`
 */
export function parseConfig(input: ConfigInput = {}): Config {
  const layers = new Layers();
  layers.merge(input, () => defaultOrigin);
  const { config, problems } = validate(layers, undefined);
  if (config === undefined) throw configError(problems);
  return config;
}

/** As {@link loadConfig}, with problems as a list. Throws only when the file cannot be read. */
export function checkConfig(sources: ConfigSources = {}): CheckedConfig {
  const { flags = {}, env = process.env, cwd = process.cwd() } = sources;
  const paths = settingPaths();
  const layers = new Layers();
  const lmcache = readLmcacheLayer(flags["lmcacheConfig"], env, cwd);
  const layer = lmcache === undefined || isProblem(lmcache) ? undefined : lmcache;
  if (layer) applyLmcache(layer, layers);
  const file = findFile(flags, env, cwd);
  if (file) layers.merge(file.value, (path) => file.origin(path));
  for (const [path, name, value] of environmentValues(paths, env))
    layers.set(path, value, { from: "env", name });
  for (const { flag, path } of serveFlags) {
    const value = flags[flagName(flag)];
    if (value !== undefined) layers.set(path, value, { from: "flag", name: longFlag(flag) });
  }
  const idleRemote = layer && applyRemote(layer, layers);
  const others: Problem[] = [...(layer?.checked.read.problems ?? [])];
  if (lmcache && isProblem(lmcache)) others.push(lmcache);
  const { config, problems } = validate(layers, file, others);
  if (config) {
    for (const key of ["cert", "key", "ca"] as const) anchor(config, "tls", key, layers, cwd);
    anchor(config, "ssd", "dir", layers, cwd);
    anchor(config, "coded", "dir", layers, cwd);
  }
  return {
    config,
    problems,
    origins: config ? everyOrigin(config, layers) : layers.origins,
    file: file?.name,
    lmcacheFile: layer?.file,
    warnings: [...environmentWarnings(paths, env), ...(layer?.checked.warnings ?? [])],
    notes: [...(layer?.notes ?? []), ...(idleRemote === undefined ? [] : [idleRemote])],
  };
}

function findFile(flags: FlagValues, env: NodeJS.ProcessEnv, cwd: string): ConfigFile | undefined {
  const named = typeof flags["config"] === "string" ? flags["config"] : env["KEEPWARM_CONFIG"];
  if (named) return readConfigFile(resolve(cwd, named), named);
  const usual = resolve(cwd, "keepwarm.yaml");
  return existsSync(usual) ? readConfigFile(usual, "keepwarm.yaml") : undefined;
}

function validate(layers: Layers, file: ConfigFile | undefined, others: readonly Problem[] = []) {
  const problems: Problem[] = [...others, ...(file?.problems ?? [])];
  const result = configSchema.safeParse(layers.raw);
  if (!result.success)
    problems.push(...result.error.issues.flatMap((issue) => describe(issue, layers, file)));
  else
    for (const { path, ...broken } of brokenRules(result.data))
      problems.push({ ...broken, path: path.join("."), origin: locate(path, layers, file) });
  return { config: problems.length === 0 ? result.data : undefined, problems };
}

function describe(
  issue: z.core.$ZodIssue,
  layers: Layers,
  file: ConfigFile | undefined,
): Problem[] {
  if (issue.code !== "unrecognized_keys")
    return [
      {
        origin: locate(issue.path, layers, file),
        path: issue.path.join("."),
        message: issue.message,
      },
    ];
  return issue.keys.map((key) => {
    const meant = suggestKey(issue.path, key);
    const path = [...issue.path, key];
    return {
      origin: locate(path, layers, file, "key"),
      path: path.join("."),
      message: "is not a setting",
      ...(meant === undefined ? {} : { remedy: `Did you mean ${JSON.stringify(meant)}?` }),
    };
  });
}

/** The origin of a value; inside lists of the file it is more exact than what the layers hold. */
function locate(
  path: readonly PropertyKey[],
  layers: Layers,
  file: ConfigFile | undefined,
  at: "key" | "value" = "value",
) {
  const origin = layers.origin(path);
  const steps = path.map((step) => (typeof step === "number" ? step : String(step)));
  const inFile =
    (origin.from === "file" && origin.file === file?.name) ||
    (origin === defaultOrigin && hasKey(file, steps[0]));
  return inFile && file ? file.origin(steps, at) : origin;
}

function hasKey(file: ConfigFile | undefined, key: string | number | undefined): boolean {
  return file !== undefined && key !== undefined && Object.hasOwn(file.value, key);
}

/** Relative paths are relative to the configuration file that names them. */
function anchor<S extends "tls" | "ssd" | "coded">(
  config: Config,
  section: S,
  key: keyof Config[S] & string,
  layers: Layers,
  cwd: string,
): void {
  const settings = config[section] as Record<string, unknown>;
  const path = settings[key];
  if (typeof path !== "string") return;
  const origin = layers.origin([section, key]);
  const base = origin.from === "file" ? dirname(resolve(cwd, origin.file)) : cwd;
  settings[key] = resolve(base, path);
}

function everyOrigin(config: Config, layers: Layers): Origins {
  return new Map(
    [...leaves(config)].map(([path]) => [path.join("."), layers.origin(path)] as const),
  );
}
