import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KeepwarmError } from "../../src/errors.ts";
import { startAnnounced, type RunningServer } from "./running-server.ts";

const root = join(import.meta.dirname, "..", "..");

export interface KeepwarmOptions {
  /** The Node binary that runs it. Default: the one that runs the bench. */
  readonly node?: string | undefined;
  /** The built command to run. Default `dist/cli/main.js`. */
  readonly main?: string | undefined;
  /** Further flags of `keepwarm serve`. */
  readonly flags?: readonly string[];
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
  /** Whose port to tell. Default `resp`. */
  readonly listener?: "resp" | "lm";
  readonly onLine?: (line: string) => void;
}

export function keepwarmVersion(): string {
  const text = readFileSync(join(root, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** Starts `keepwarm serve` on free loopback ports. */
export async function startKeepwarm(options: KeepwarmOptions = {}): Promise<RunningServer> {
  const main = options.main ?? join(root, "dist", "cli", "main.js");
  if (!existsSync(main))
    throw new KeepwarmError("NOT_FOUND", `${main} is not there`, { remedy: "Run npm run build." });
  return startAnnounced({
    name: "keepwarm",
    path: options.node ?? process.execPath,
    args: [
      ...(options.nodeFlags ?? []),
      main,
      "serve",
      "--json",
      "--resp-port",
      "0",
      ...(options.flags ?? []),
    ],
    portOf: (line) => portOf(line, options.listener ?? "resp"),
    onLine: options.onLine,
  });
}

function portOf(line: string, listener: "resp" | "lm"): number | undefined {
  if (!line.startsWith("{")) return undefined;
  const event = JSON.parse(line) as { event?: string; resp?: string; lm?: string };
  const url = event[listener];
  return event.event === "ready" && url ? Number(new URL(url).port) : undefined;
}
