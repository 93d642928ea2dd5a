import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { KeepwarmError } from "../../errors.ts";
import { testCacheFolder } from "./cache-folder.ts";
import { unpackPackages, type PackageSet } from "./debian-packages.ts";
import { isExecutableFile, onPath } from "./on-path.ts";

/** A program that can be started: `spawn(path, args, { env })`. */
export interface Binary {
  readonly path: string;
  /** The whole environment to start it with. */
  readonly env: NodeJS.ProcessEnv;
}

export interface FindBinaryOptions {
  /** Where `PATH`, `KEEPWARM_TEST_CACHE` and `XDG_CACHE_HOME` are read. Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
}

const redis: PackageSet = { packages: ["redis-server", "redis-tools"] };
const valkey: PackageSet = {
  packages: ["valkey-server", "valkey-tools"],
  backportsOf: ["bookworm"],
};
const fio: PackageSet = { packages: ["fio"] };

/** Which packages carry which program; a new one joins with a row. */
const packageSets = {
  "redis-server": redis,
  "redis-cli": redis,
  "redis-benchmark": redis,
  "valkey-server": valkey,
  "valkey-cli": valkey,
  "valkey-benchmark": valkey,
  fio,
} as const satisfies Record<string, PackageSet>;

export type BinaryName = keyof typeof packageSets;

/**
 * Finds a real server or tool for tests: the one on PATH, else Debian's package unpacked into the
 * user's cache folder (see {@link testCacheFolder}; the first time takes a few seconds and says so
 * on stderr). Needs no root and installs nothing. A sentinel is the server with `--sentinel`.
 *
 * @throws KeepwarmError `NOT_FOUND`, saying what to install, when neither works.
 */
export async function findBinary(
  name: BinaryName,
  { env = process.env }: FindBinaryOptions = {},
): Promise<Binary> {
  const installed = await onPath(name, env);
  if (installed !== undefined) return { path: installed, env: { ...env } };
  const set = packageSets[name];
  const root = await unpackPackages(set, { folder: join(testCacheFolder(env), "servers") });
  const path = root === undefined ? undefined : await programIn(root, name);
  if (root === undefined || path === undefined)
    throw new KeepwarmError("NOT_FOUND", `${name} is not on PATH`, {
      remedy: `Install it, for example with: apt-get install ${set.packages[0]}`,
    });
  const libraries = [...(await libraryFolders(root)), env["LD_LIBRARY_PATH"]];
  return { path, env: { ...env, LD_LIBRARY_PATH: libraries.filter(Boolean).join(":") } };
}

async function programIn(root: string, name: string): Promise<string | undefined> {
  for (const folder of ["usr/bin", "usr/sbin", "bin", "sbin"]) {
    const path = join(root, folder, name);
    if (await isExecutableFile(path)) return path;
  }
  return undefined;
}

async function libraryFolders(root: string): Promise<string[]> {
  const folders = new Set<string>();
  for (const library of ["usr/lib", "lib"]) {
    const top = join(root, library);
    const paths = await readdir(top, { recursive: true }).catch((): string[] => []);
    for (const path of paths.filter((name) => /\.so(\.[\d.]+)?$/.test(name)))
      folders.add(dirname(join(top, path)));
  }
  return [...folders];
}
