import { KeepwarmError } from "../../errors.ts";
import type { ValkeyStoreOptions } from "./store-options.ts";
import { parseStoreUrl } from "./store-url.ts";

/**
 * Options of a store as the environment of SGLang's and LMCache's backends names them:
 * `VALKEY_HOST`, `VALKEY_PORT`, `VALKEY_DB`, `VALKEY_PASSWORD`, the same with `REDIS_`,
 * `REDIS_SERVICE_NAME` (Sentinel) and `REDIS_TIMEOUT` (seconds). With a `url`, host, port and
 * database come from there, and the rest only fills in what the URL leaves out.
 *
 * @throws KeepwarmError `INPUT_INVALID`
 *
 * @example
 * ```ts
 * const store = new ValkeyStore(valkeyOptionsFromEnvironment({ url: "valkey://cache-1" }));
 * ```
 */
export function valkeyOptionsFromEnvironment(
  options: ValkeyStoreOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): ValkeyStoreOptions {
  const named = (name: string): string | undefined =>
    env[`VALKEY_${name}`] || env[`REDIS_${name}`] || undefined;
  const url = options.url ?? urlOf(named);
  const parsed = parseStoreUrl(url);
  const timeout = env["REDIS_TIMEOUT"];
  const filled: { -readonly [Name in keyof ValkeyStoreOptions]: ValkeyStoreOptions[Name] } = {};
  if (parsed.password === undefined) filled.password = named("PASSWORD");
  if (parsed.service === undefined && !parsed.query.has("service"))
    filled.service = env["REDIS_SERVICE_NAME"] || undefined;
  if (timeout && !parsed.query.has("deadline"))
    filled.deadlineMs = 1000 * numberIn("REDIS_TIMEOUT", timeout);
  return { ...filled, ...options, url };
}

function urlOf(named: (name: string) => string | undefined): string {
  const host = named("HOST") ?? "127.0.0.1";
  const port = numberIn("VALKEY_PORT or REDIS_PORT", named("PORT") ?? "6379");
  const database = numberIn("VALKEY_DB or REDIS_DB", named("DB") ?? "0");
  return `redis://${host.includes(":") ? `[${host}]` : host}:${port}/${database}`;
}

function numberIn(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0))
    throw new KeepwarmError("INPUT_INVALID", `${name} is ${JSON.stringify(text)}`, {
      remedy: "Write a number.",
    });
  return value;
}
