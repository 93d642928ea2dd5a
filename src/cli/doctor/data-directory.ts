import { constants, promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { randomUUID } from "node:crypto";
import type { Config } from "../../config/schema.ts";
import { Segment } from "../../tiers/ssd/segment.ts";
import { formatBytes } from "../../util/units.ts";
import type { Findings } from "./finding.ts";

/** Numbers of file systems, as statfs has them. */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x2fc12fc1: "zfs",
  0xf2f52010: "f2fs",
  0x01021994: "tmpfs",
  0x858458f6: "ramfs",
  0x794c7630: "overlayfs",
  0x6969: "nfs",
  0xff534d42: "cifs",
  0x65735546: "fuse",
};
/** Less than this is hardly worth a tier. */
const leastBytes = 1024 ** 3;
const nearlyAll = 0.95;

const advice: Readonly<Record<string, readonly [what: string, fix: string]>> = {
  tmpfs: ["is memory, not a disk", "Name a directory on an NVMe disk (`ssd.dir`)."],
  ramfs: ["is memory, not a disk", "Name a directory on an NVMe disk (`ssd.dir`)."],
  nfs: ["is on another machine", "Name a directory on a disk of this machine (`ssd.dir`)."],
  cifs: ["is on another machine", "Name a directory on a disk of this machine (`ssd.dir`)."],
  overlayfs: ["is a container's own layer", "Mount a volume, and name it in `ssd.dir`."],
  btrfs: ["copies what is written over", "Use ext4 or xfs, or `chattr +C` on the directory."],
  zfs: ["copies what is written over", "Use ext4 or xfs."],
};

/** The directory of the tier on disk, if there is to be one. */
export async function checkDataDirectory({ ssd }: Config, found: Findings): Promise<void> {
  if (ssd.dir === undefined) return;
  const place = await existing(ssd.dir);
  if (place === undefined) {
    found.problem("ssd.dir", `there is no ${ssd.dir}`, "Name a directory in `ssd.dir`.");
    return;
  }
  try {
    await fs.access(place, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    found.problem(
      "ssd.dir",
      `${place} cannot be written to by this user`,
      `\`chown\` it to the user of the server, or name another one in \`ssd.dir\`.`,
    );
    return;
  }
  const { bavail, bsize, type } = await fs.statfs(place);
  await checkRoom(ssd, bavail * bsize, found);
  checkFileSystem(type, found);
  await checkDirect(ssd, place, found);
}

async function checkRoom(
  { dir = "", size }: Config["ssd"],
  free: number,
  found: Findings,
): Promise<void> {
  const room = free + (await takenIn(dir));
  const what = `${formatBytes(room)} free for ${dir}`;
  if (size !== undefined && size > room)
    found.problem(
      "disk space",
      `${what}, and ssd.size is ${formatBytes(size)}`,
      `Set \`ssd.size\` to at most ${formatBytes(Math.floor(nearlyAll * room))}, or make room.`,
    );
  else if (size !== undefined && size > nearlyAll * room)
    found.hint(
      "disk space",
      `${what}, and ssd.size takes nearly all of it`,
      `Set \`ssd.size\` to at most ${formatBytes(Math.floor(nearlyAll * room))}.`,
    );
  else if (size === undefined && room < leastBytes)
    found.hint("disk space", `${what}, of which half is taken`, "Make room, or set `ssd.size`.");
  else found.ok("disk space", what);
}

function checkFileSystem(type: number, found: Findings): void {
  const name = fileSystems[type] ?? `0x${type.toString(16)}`;
  const known = advice[name];
  if (known === undefined) found.ok("file system", name);
  else found.hint("file system", `${name} ${known[0]}`, known[1]);
}

async function checkDirect(
  { direct }: Config["ssd"],
  place: string,
  found: Findings,
): Promise<void> {
  if (direct === "off") {
    found.ok("o_direct", "off: blocks pass through the page cache");
    return;
  }
  if (await takesDirect(place)) found.ok("o_direct", "the file system takes it");
  else if (direct === "on")
    found.problem(
      "o_direct",
      "the file system does not take it, and ssd.direct is on",
      'Set `ssd.direct` to "auto", or use ext4 or xfs.',
    );
  else
    found.hint(
      "o_direct",
      "the file system does not take it: blocks push everything else out of the page cache",
      "Use ext4 or xfs.",
    );
}

/** File systems without O_DIRECT refuse to open a file so. */
async function takesDirect(place: string): Promise<boolean> {
  if (constants.O_DIRECT === undefined) return false;
  const path = join(place, `.keepwarm-doctor-${randomUUID()}`);
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_DIRECT;
    await (await fs.open(path, flags, 0o600)).close();
    return true;
  } catch {
    return false;
  } finally {
    await fs.rm(path, { force: true });
  }
}

/** Bytes of the segments that are there already. */
async function takenIn(directory: string): Promise<number> {
  let taken = 0;
  for (const name of await fs.readdir(directory).catch(() => []))
    if (Segment.numberOf(name) !== undefined)
      taken += (await fs.stat(join(directory, name))).blocks * 512;
  return taken;
}

/** The directory, or the nearest one above it that is there. */
async function existing(directory: string): Promise<string | undefined> {
  for (let path = directory; ; path = dirname(path)) {
    const found = await fs.stat(path).catch(() => undefined);
    if (found !== undefined) return found.isDirectory() ? path : undefined;
    if (path === dirname(path)) return undefined;
  }
}
