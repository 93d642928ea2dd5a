import { KeepwarmError } from "../../src/errors.ts";
import { startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";

export const targetKinds = ["keepwarm", "redis", "valkey"] as const;
export type TargetKind = (typeof targetKinds)[number];

/**
 * What the client suites run against: Keepwarm, or with `KEEPWARM_TEST_TARGET=redis` (or `valkey`)
 * the real server, which proves the tests themselves.
 */
export const targetKind = parseTargetKind(process.env["KEEPWARM_TEST_TARGET"] || "keepwarm");

export function parseTargetKind(name: string): TargetKind {
  const kind = targetKinds.find((known) => known === name);
  if (kind === undefined)
    throw new KeepwarmError("NOT_FOUND", `${JSON.stringify(name)} is not a target`, {
      remedy: `Targets are ${targetKinds.join(", ")}.`,
    });
  return kind;
}

/** Starts a target of its own for a suite, with room for a gibibyte of blocks. */
export async function startTarget(
  kind: TargetKind = targetKind,
  args: readonly string[] = [],
): Promise<RunningServer> {
  if (kind === "keepwarm") return startKeepwarm({ args: ["--ram-size", "1GiB", ...args] });
  return startRedisServer({ engine: kind, args });
}
