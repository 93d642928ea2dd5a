import { promises as fs } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { Segment } from "./segment.ts";

/** Half of what the directory's disk has left, what Keepwarm has there already included. */
export async function halfOfDisk(directory: string): Promise<number> {
  const { bavail, bsize } = await fs.statfs(await existing(resolve(directory)));
  let taken = 0;
  for (const name of await fs.readdir(directory).catch(() => []))
    if (Segment.numberOf(name) !== undefined)
      taken += (await fs.stat(join(directory, name))).blocks * 512;
  return Math.floor((bavail * bsize + taken) / 2);
}

/** The directory or the nearest one above it that is there. */
async function existing(directory: string): Promise<string> {
  for (let path = directory; ; path = dirname(path)) {
    const found = await fs.stat(path).catch(() => undefined);
    if (found !== undefined) return path;
    if (path === dirname(path))
      throw new KeepwarmError("CONFIG_INVALID", `there is no ${directory}`, {
        remedy: "Name a directory on a disk that this user may write to.",
      });
  }
}
