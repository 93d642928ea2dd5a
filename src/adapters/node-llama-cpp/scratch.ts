import { constants } from "node:fs";
import { access, type FileHandle, mkdtemp, open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeepwarmError } from "../../errors.ts";

const memoryFolder = "/dev/shm";
const openFiles = "/proc/self/fd";
/** How much more room than the file needs must be free, so that others are not in want. */
const roomFactor = 2;

/** A file for one state, gone when disposed; where the system allows, also when the process is killed. */
export interface ScratchFile extends AsyncDisposable {
  /** What a runtime in this process can open, more than once. */
  readonly path: string;
  readonly handle: FileHandle;
  /** Whether it can be as long as that. */
  hasRoomFor(bytes: number): Promise<boolean>;
}

/**
 * Makes a file that only this user can read.
 *
 * @param folder where; default in memory if `bytes` fit there twice, else where the system has such files
 */
export async function makeScratchFile(
  folder: string | undefined,
  bytes: number,
): Promise<ScratchFile> {
  const parent = folder ?? ((await hasRoom(memoryFolder, bytes)) ? memoryFolder : tmpdir());
  const own = await mkdtemp(join(parent, "keepwarm-state-"));
  const remove = (): Promise<void> => rm(own, { recursive: true, force: true });
  try {
    const path = join(own, "state");
    const handle = await open(path, "wx+", 0o600);
    // A file without a name leaves nothing behind, however the process ends.
    const unnamed = `${openFiles}/${handle.fd}`;
    const nameless = await canUse(unnamed);
    if (nameless) await remove();
    return {
      path: nameless ? unnamed : path,
      handle,
      hasRoomFor: async (length) => parent !== memoryFolder || hasRoom(memoryFolder, length),
      [Symbol.asyncDispose]: async () => {
        await handle.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** @throws KeepwarmError `NOT_FOUND` when no scratch file can be made in `folder` */
export async function checkScratchFolder(folder: string): Promise<void> {
  if (await canUse(folder)) return;
  throw new KeepwarmError("NOT_FOUND", `no file can be made in ${folder}`, {
    remedy: "Name another scratchFolder, or none: memory is used where it can be.",
  });
}

async function hasRoom(folder: string, bytes: number): Promise<boolean> {
  if (process.platform !== "linux" || !(await canUse(folder))) return false;
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize > bytes * roomFactor;
}

function canUse(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}
