import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KeepwarmError } from "../errors.ts";
import { testCacheFolder } from "../util/cache-folder.ts";
import { withLock } from "../util/lock.ts";
import { run } from "../util/run.ts";

const installMs = 15 * 60_000;

export interface ObtainOptions {
  /** Hears what is being done, a line at a time. Default: nobody does. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** Something that a package registry has, and how to get it into a folder. */
export interface Obtainable extends ObtainOptions {
  /** Its name in the user's cache folder. */
  readonly name: string;
  /** What it is, for people. */
  readonly title: string;
  /** The file in it that is wanted. */
  readonly file: string;
  /** Puts it into an empty folder. */
  readonly make: (folder: string) => Promise<void>;
}

/**
 * The wanted file, from the user's cache folder; put there first if it is not. Several processes may ask at
 * once: one makes it, and it appears whole or not at all.
 *
 * @throws KeepwarmError `NOT_FOUND` when it cannot be had, with what it takes
 */
export async function obtain({ name, title, file, make, onProgress }: Obtainable): Promise<string> {
  const folder = join(testCacheFolder(), name);
  const wanted = join(folder, file);
  if (await isThere(wanted)) return wanted;
  await withLock(`${folder}.lock`, async () => {
    if (await isThere(wanted)) return;
    onProgress?.(`getting ${title}; it is kept in ${folder}`);
    await mkdir(dirname(folder), { recursive: true });
    const scratch = await mkdtemp(`${folder}-`);
    try {
      await make(scratch);
      await rm(folder, { recursive: true, force: true });
      await rename(scratch, folder);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
    onProgress?.(`have ${title}`);
  });
  return wanted;
}

/** @throws KeepwarmError `NOT_FOUND` with the end of what the command said */
export async function install(
  title: string,
  command: string,
  args: readonly string[],
  remedy: string,
): Promise<void> {
  const { code, stderr } = await run(command, args, { timeoutMs: installMs });
  if (code === 0) return;
  const said = stderr.trim().slice(-1000);
  throw new KeepwarmError("NOT_FOUND", `${title} cannot be had: ${said}`, { remedy });
}

/** The first file in `folder`, at any depth, whose name ends so. */
export async function fileEnding(folder: string, ending: string): Promise<string | undefined> {
  const files = await readdir(folder, { recursive: true });
  const name = files.find((each) => each.endsWith(ending));
  return name === undefined ? undefined : join(folder, name);
}

/** The file's SHA-256, in hex. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
