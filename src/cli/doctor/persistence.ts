import type { Findings } from "./finding.ts";
import type { ServerFacts } from "./server-facts.ts";

/** What files cost that a cache does not need. */
export function checkPersistence({ info, settings }: ServerFacts, found: Findings): void {
  const save = settings.get("save") ?? "";
  const appends = (settings.get("appendonly") ?? yesNo(info.get("aof_enabled"))) === "yes";
  const always = appends && settings.get("appendfsync") === "always";
  if (always)
    found.problem(
      "aof",
      "writes and syncs every block to its append-only file before it answers",
      "`CONFIG SET appendonly no`, or `CONFIG SET appendfsync everysec`.",
    );
  else if (appends)
    found.hint(
      "aof",
      "writes every block to its append-only file, and all of them again when it rewrites that",
      "`CONFIG SET appendonly no`: blocks can be computed again.",
    );
  if (save !== "")
    found.hint(
      "rdb",
      `snapshots (save ${save}) write all blocks anew and may double its memory meanwhile`,
      '`CONFIG SET save ""`: blocks can be computed again.',
    );
  if (save !== "" && refusesWrites({ info, settings }))
    found.problem(
      "rdb",
      "its last snapshot failed, and it refuses writes until one succeeds",
      "`CONFIG SET stop-writes-on-bgsave-error no`, or give it room on its disk.",
    );
  if (info.get("aof_last_write_status") === "err")
    found.problem(
      "aof",
      "it cannot write its append-only file, and refuses writes",
      "`CONFIG SET appendonly no`, or give it room on its disk.",
    );
  if (!appends && save === "" && settings.size > 0)
    found.ok("persistence", "off: nothing is written to its disk");
}

function refusesWrites({ info, settings }: Pick<ServerFacts, "info" | "settings">): boolean {
  return (
    info.get("rdb_last_bgsave_status") === "err" &&
    settings.get("stop-writes-on-bgsave-error") === "yes"
  );
}

function yesNo(flag: string | undefined): string {
  return flag === "1" ? "yes" : "no";
}
