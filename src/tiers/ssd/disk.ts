import { constants, promises as fs } from "node:fs";
import * as callbackFs from "node:fs";
import { join } from "node:path";
import { PAGE_BYTES } from "./layout.ts";

/**
 * An open file. All positions, lengths and memory are multiples of 4 KiB and page aligned, so that
 * the kernel can move them without a cache in between. Every method rejects when the disk fails.
 */
export interface DiskFile {
  /** Fills all of `memory`. */
  read(memory: Uint8Array, position: number): Promise<void>;
  /** Writes all parts, one after the other. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** Resolves when all that was written before survives a loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A directory on a disk: the seam below which tests put faults. */
export interface Disk {
  readonly directory: string;
  /** Whether files bypass the page cache. */
  readonly direct: boolean;
  /** Opens a file, making it with this length if it is new. */
  open(name: string, bytes: number): Promise<DiskFile>;
  names(): Promise<string[]>;
  remove(name: string): Promise<void>;
  /** Gives a file another's name, and that file up. */
  replace(name: string, by: string): Promise<void>;
  /** Resolves when the files' names survive a loss of power. */
  syncNames(): Promise<void>;
  /** Bytes that can still be written. */
  freeBytes(): Promise<number>;
}

/** How files are opened: `"auto"` tries O_DIRECT and falls back to the page cache. */
export type DirectMode = "auto" | "on" | "off";

/** The real disk. */
export class NodeDisk implements Disk {
  readonly directory: string;
  readonly direct: boolean;

  private constructor(directory: string, direct: boolean) {
    this.directory = directory;
    this.direct = direct;
  }

  /** @param probe - a page-aligned page to try O_DIRECT with. */
  static async open(directory: string, mode: DirectMode, probe: Uint8Array): Promise<NodeDisk> {
    await fs.mkdir(directory, { recursive: true });
    const direct = mode !== "off" && (await takesDirect(join(directory, ".probe"), probe));
    return new NodeDisk(directory, direct);
  }

  async open(name: string, bytes: number): Promise<DiskFile> {
    const flags = constants.O_RDWR | constants.O_CREAT | (this.direct ? constants.O_DIRECT : 0);
    const handle = await fs.open(join(this.directory, name), flags, 0o600);
    try {
      const { size } = await handle.stat();
      if (size !== bytes) await handle.truncate(bytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new NodeFile(handle);
  }

  async names(): Promise<string[]> {
    return fs.readdir(this.directory);
  }

  async remove(name: string): Promise<void> {
    await fs.rm(join(this.directory, name), { force: true });
  }

  async replace(name: string, by: string): Promise<void> {
    await fs.rename(join(this.directory, by), join(this.directory, name));
  }

  async syncNames(): Promise<void> {
    const directory = await fs.open(this.directory, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await fs.statfs(this.directory);
    return bavail * bsize;
  }
}

async function takesDirect(path: string, probe: Uint8Array): Promise<boolean> {
  if (constants.O_DIRECT === undefined) return false;
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT;
    const handle = await fs.open(path, flags, 0o600);
    try {
      await handle.write(probe, 0, PAGE_BYTES, 0);
      await handle.read(probe, 0, PAGE_BYTES, 0);
    } finally {
      await handle.close();
    }
    return true;
  } catch {
    return false;
  } finally {
    await fs.rm(path, { force: true });
  }
}

class NodeFile implements DiskFile {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  read(memory: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      callbackFs.read(this.#handle.fd, memory, 0, memory.length, position, (error, bytesRead) => {
        if (error !== null) reject(error);
        else if (bytesRead !== memory.length)
          reject(new Error(`read ${bytesRead} of ${memory.length} bytes at ${position}`));
        else resolve();
      });
    });
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const wanted = parts.reduce((sum, part) => sum + part.length, 0);
      callbackFs.writev(this.#handle.fd, parts, position, (error, written) => {
        if (error !== null) reject(error);
        else if (written !== wanted)
          reject(new Error(`wrote ${written} of ${wanted} bytes at ${position}`));
        else resolve();
      });
    });
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
