import { execFile, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Segment } from "../../src/tiers/ssd/segment.ts";

const run = promisify(execFile);

/** The segment files of a data directory. */
export function segmentFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => Segment.numberOf(name) !== undefined)
    .map((name) => join(directory, name));
}

/** Waits until the files' bytes are on the disk. */
export async function flushToDisk(files: readonly string[]): Promise<void> {
  if (files.length > 0) await run("sync", ["--data", ...files]);
}

/** Evicts the files' clean pages from the page cache (posix_fadvise, by dd). */
export function dropFromPageCache(files: readonly string[]): void {
  const script =
    'for file; do test -e "$file" || continue; dd if="$file" iflag=nocache count=0 status=none; done';
  const { status, stderr } = spawnSync("sh", ["-c", script, "sh", ...files], { encoding: "utf8" });
  if (status !== 0) throw new Error(`dd does not evict from the page cache: ${stderr}`);
}
