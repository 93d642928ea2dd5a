import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";

import { KeepwarmError } from "../../errors.ts";
import {
  parseListFile,
  parseSourcesFile,
  releaseSources,
  type DebianSource,
} from "./debian-sources.ts";
import { withLock } from "./lock.ts";
import { onPath } from "./on-path.ts";
import { fetchPackages } from "./private-apt.ts";
import { run } from "./run.ts";

/** Debian packages that are wanted together. */
export interface PackageSet {
  /** Names; the libraries they need and the machine lacks come along by themselves. */
  readonly packages: readonly string[];
  /** Codenames of the releases whose backports suite has them, where the release has not. */
  readonly backportsOf?: readonly string[];
}

export interface UnpackOptions {
  /** The folder under which the unpacked sets are kept. */
  readonly folder: string;
  /** apt sources to use. Default: those of this machine. */
  readonly sources?: readonly DebianSource[];
}

/**
 * Unpacks a package set below `folder`, once: no root, nothing installed, apt's own state left
 * alone. Returns the root of the unpacked tree, or `undefined` where there is no apt. Safe when
 * several processes ask at once.
 *
 * @throws KeepwarmError `NOT_FOUND` when the packages cannot be had (offline, or not in the release).
 */
export async function unpackPackages(
  set: PackageSet,
  { folder, sources }: UnpackOptions,
): Promise<string | undefined> {
  const release = await readRelease();
  if (release === undefined || (await onPath("apt-get")) === undefined) return undefined;
  const backports = set.backportsOf?.includes(release.codename) ?? false;
  const home = join(folder, `${release.id}-${release.codename}-${process.arch}`);
  const root = join(home, set.packages.join("+"));
  if (await exists(root)) return root;

  return withLock(join(home, ".lock"), async () => {
    if (await exists(root)) return root;
    const own = releaseSources(sources ?? (await machineSources()), release.codename, {
      backports,
    });
    process.stderr.write(`keepwarm: unpacking ${set.packages.join(", ")} into ${root}\n`);
    const temporary = await mkdtemp(join(home, ".unpacking-"));
    try {
      await fetchPackages(temporary, {
        packages: set.packages,
        sources: own,
        ...(backports && { suite: `${release.codename}-backports` }),
      });
      await unpack(temporary);
      await publish(join(temporary, "root"), root);
      return root;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  });
}

async function readRelease(): Promise<{ id: string; codename: string } | undefined> {
  try {
    const text = await readFile("/etc/os-release", "utf8");
    const field = (name: string) => new RegExp(`^${name}="?([\\w.-]+)"?$`, "m").exec(text)?.[1];
    const id = field("ID");
    const codename = field("VERSION_CODENAME");
    return id !== undefined && codename !== undefined ? { id, codename } : undefined;
  } catch {
    return undefined;
  }
}

async function machineSources(): Promise<DebianSource[]> {
  const parts = "/etc/apt/sources.list.d";
  const names = await readdir(parts).catch((): string[] => []);
  const files = ["/etc/apt/sources.list", ...names.toSorted().map((name) => join(parts, name))];
  const sources: DebianSource[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (file.endsWith(".sources")) sources.push(...parseSourcesFile(text));
    else if (file.endsWith(".list")) sources.push(...parseListFile(text));
  }
  return sources;
}

async function unpack(home: string): Promise<void> {
  const root = join(home, "root");
  await mkdir(root);
  for (const name of await readdir(join(home, "archives"))) {
    if (!name.endsWith(".deb")) continue;
    const { code, stderr } = await run("dpkg-deb", ["-x", join(home, "archives", name), root]);
    if (code !== 0)
      throw new KeepwarmError("NOT_FOUND", `${basename(name)} cannot be unpacked: ${stderr}`);
  }
}

async function publish(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(await exists(to))) throw error; // else another process, without a lock, was first
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
