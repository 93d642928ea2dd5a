import { KeepwarmError } from "../../errors.ts";

/** Where a server is, as the environment says. */
export interface EnvironmentEndpoint {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly password: string | undefined;
}

export type EnvironmentPrefix = "VALKEY" | "REDIS";

const others: Readonly<Record<EnvironmentPrefix, EnvironmentPrefix>> = {
  VALKEY: "REDIS",
  REDIS: "VALKEY",
};

/**
 * The endpoint that `VALKEY_HOST`, `VALKEY_PORT`, `VALKEY_DB` and `VALKEY_PASSWORD` name, or the same
 * with `REDIS`: each is looked for with `prefix` first and with the other prefix then. Defaults:
 * localhost, 6379, 0, no password.
 *
 * @throws KeepwarmError `CONFIG_INVALID` for a port or database that is none
 */
export function endpointFromEnvironment(
  prefix: EnvironmentPrefix,
  env: NodeJS.ProcessEnv = process.env,
): EnvironmentEndpoint {
  const named = (name: string) =>
    env[`${prefix}_${name}`] || env[`${others[prefix]}_${name}`] || undefined;
  const number = (name: string, byDefault: number, most: number) => {
    const text = named(name) ?? String(byDefault);
    if (/^\d+$/.test(text) && Number(text) <= most) return Number(text);
    throw new KeepwarmError("CONFIG_INVALID", `${prefix}_${name} is ${JSON.stringify(text)}`, {
      remedy: `Set it to a number from 0 to ${most}.`,
    });
  };
  return {
    host: named("HOST") ?? "localhost",
    port: number("PORT", 6379, 65_535),
    db: number("DB", 0, 2 ** 31),
    password: named("PASSWORD"),
  };
}

function constants(prefix: EnvironmentPrefix): EnvironmentEndpoint {
  try {
    return endpointFromEnvironment(prefix);
  } catch {
    // Who uses what cannot be used is told so by the manager; importing a module must not fail.
    return endpointFromEnvironment(prefix, {});
  }
}

const valkey = constants("VALKEY");
const redis = constants("REDIS");

/** Host of the server: `VALKEY_HOST`, or `REDIS_HOST`, at the time of the import; else localhost. */
export const VALKEY_HOST: string = valkey.host;
/** Port of the server: `VALKEY_PORT`, or `REDIS_PORT`; else 6379. */
export const VALKEY_PORT: number = valkey.port;
/** Database on the server: `VALKEY_DB`, or `REDIS_DB`; else 0. */
export const VALKEY_DB: number = valkey.db;
/** Password of the server: `VALKEY_PASSWORD`, or `REDIS_PASSWORD`; else none. */
export const VALKEY_PASSWORD: string | undefined = valkey.password;
/** As {@link VALKEY_HOST}, with the names the other way round. */
export const REDIS_HOST: string = redis.host;
/** As {@link VALKEY_PORT}, with the names the other way round. */
export const REDIS_PORT: number = redis.port;
/** As {@link VALKEY_DB}, with the names the other way round. */
export const REDIS_DB: number = redis.db;
/** As {@link VALKEY_PASSWORD}, with the names the other way round. */
export const REDIS_PASSWORD: string | undefined = redis.password;
