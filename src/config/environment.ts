import { closest } from "./suggest.ts";

/** Variables that Keepwarm reads besides the settings. */
const others = new Set([
  "KEEPWARM_CONFIG",
  "KEEPWARM_LMCACHE",
  "KEEPWARM_URL",
  "KEEPWARM_PASSWORD",
  "KEEPWARM_DEBUG",
]);

/** `ram.maxBlocks` → `KEEPWARM_RAM_MAX_BLOCKS`. */
export function environmentName(path: string): string {
  return `KEEPWARM_${path
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .replaceAll(".", "_")
    .toUpperCase()}`;
}

/**
 * What container platforms put into variables that they invent for the ports of services: one named
 * keepwarm-resp makes KEEPWARM_RESP_PORT.
 */
const serviceAddress = /^(tcp|udp):\/\//;

/**
 * The settings that the environment holds, as [path, variable, value]. Empty ones and addresses of
 * services do not count.
 */
export function environmentValues(
  paths: readonly string[],
  env: NodeJS.ProcessEnv,
): [path: string, name: string, value: string][] {
  const found: [string, string, string][] = [];
  for (const path of paths) {
    const name = environmentName(path);
    const value = env[name];
    if (value !== undefined && value !== "" && !serviceAddress.test(value))
      found.push([path, name, value]);
  }
  return found;
}

/**
 * A sentence for each `KEEPWARM_*` variable that is nearly a setting. Variables that are near
 * nothing stay unmentioned: container platforms invent them for a service named keepwarm.
 */
export function environmentWarnings(paths: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const known = new Set(paths.map(environmentName));
  const warnings: string[] = [];
  for (const name of Object.keys(env)) {
    if (!name.startsWith("KEEPWARM_") || known.has(name) || others.has(name)) continue;
    const short = [...known, ...others].map((known) => known.slice("KEEPWARM_".length));
    const meant = closest(name.slice("KEEPWARM_".length), short);
    if (meant !== undefined) warnings.push(`${name} is not read; did you mean KEEPWARM_${meant}?`);
  }
  return warnings;
}
