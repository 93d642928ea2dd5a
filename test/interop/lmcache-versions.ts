import { fileURLToPath } from "node:url";

import { isKeepwarmError, KeepwarmError } from "../../src/errors.ts";
import type { TargetKind } from "../support/target.ts";
import {
  type LmcacheEnvironmentOptions,
  type LmcacheVersion,
  lmcacheEnvironment,
  lmcacheVersions,
} from "./lmcache-environment.ts";
import type { Check, PeerContext } from "./peer.ts";

/** One release of LMCache, installed. */
export interface InstalledLmcache {
  readonly version: LmcacheVersion;
  /** Its Python. */
  readonly interpreter: string;
}

/** What `valkey://` and the `valkey` adapter need: the client that waits, and the one that does not. */
export const valkeyRequirements = ["valkey-glide-sync==2.6.0", "valkey-glide==2.6.0"] as const;

/**
 * Runs checks with the newest LMCache and with the last of the 0.3 line. What cannot be installed is a
 * failed check `cannot run: …` with the reason and the remedy.
 */
export async function* withLmcache(
  context: PeerContext,
  what: string,
  options: LmcacheEnvironmentOptions,
  run: (lmcache: InstalledLmcache) => AsyncIterable<Check>,
): AsyncIterable<Check> {
  process.env["LMCACHE_TRACK_USAGE"] = "false"; // else it tells its makers of each start
  for (const version of lmcacheVersions) {
    context.progress(`LMCache ${version}, ${what}`);
    let interpreter: string;
    try {
      interpreter = await lmcacheEnvironment(context.python, version, options);
    } catch (error) {
      if (!isKeepwarmError(error)) throw error;
      const reason = [error.message, error.remedy ?? ""].join("\n").trim();
      const name = `cannot run: ${what}`;
      yield { variant: `LMCache ${version}`, name, passed: false, elapsedMs: 0, reason };
      continue;
    }
    yield* run({ version, interpreter });
  }
}

/** Path of one of the scripts in `python/`. */
export function pythonScript(name: string): string {
  return fileURLToPath(new URL(`python/${name}`, import.meta.url));
}

/** @throws KeepwarmError `UNSUPPORTED` unless the target is Keepwarm. */
export function needsKeepwarm(target: TargetKind, reason: string): void {
  if (target === "keepwarm") return;
  throw new KeepwarmError("UNSUPPORTED", `${target} ${reason}`, { remedy: "Leave --target out." });
}
