import { formatBytes } from "../../util/units.ts";
import type { Findings } from "./finding.ts";
import type { ServerFacts } from "./server-facts.ts";

/** Most of a machine's memory that blocks should take. */
const most = 0.9;
const sensible = 0.75;

/** Whether the server has a limit, and lets old blocks go when it is reached. */
export function checkMemory(
  { info, settings }: ServerFacts,
  found: Findings,
  { hasTtl }: { readonly hasTtl: boolean },
): void {
  const limit = Number(settings.get("maxmemory") ?? info.get("maxmemory") ?? 0);
  const machine = Number(info.get("total_system_memory") ?? 0);
  const used = formatBytes(Number(info.get("used_memory") ?? 0));
  if (limit === 0)
    found.problem(
      "maxmemory",
      `has no limit, ${used} in use: blocks take memory until the system kills it`,
      `\`CONFIG SET maxmemory ${sensibleLimit(machine)}\`.`,
    );
  else if (machine > 0 && limit > most * machine)
    found.hint(
      "maxmemory",
      `${formatBytes(limit)} is more than its machine's ${formatBytes(machine)} leave for blocks`,
      `\`CONFIG SET maxmemory ${sensibleLimit(machine)}\`.`,
    );
  else found.ok("maxmemory", `${formatBytes(limit)}, ${used} in use`);
  checkPolicy(settings.get("maxmemory-policy") ?? info.get("maxmemory_policy"), found, hasTtl);
}

function checkPolicy(policy: string | undefined, found: Findings, hasTtl: boolean): void {
  const fix = "`CONFIG SET maxmemory-policy allkeys-lru`.";
  if (policy === undefined) return;
  if (policy === "noeviction")
    found.problem("policy", "noeviction: when it is full it refuses every new block", fix);
  else if (policy.startsWith("volatile-") && !hasTtl)
    found.problem(
      "policy",
      `${policy} evicts only keys with a TTL, and blocks have none: full, it refuses new ones`,
      fix,
    );
  else if (policy === "allkeys-random")
    found.hint("policy", "allkeys-random evicts blocks that are in use", fix);
  else found.ok("policy", policy);
}

function sensibleLimit(machineBytes: number): string {
  if (machineBytes === 0) return "BYTES (three quarters of its machine's memory)";
  const bytes = sensible * machineBytes;
  return bytes >= 1024 ** 3
    ? `${Math.floor(bytes / 1024 ** 3)}gb`
    : `${Math.floor(bytes / 1024 ** 2)}mb`;
}
