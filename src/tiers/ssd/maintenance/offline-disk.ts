import { promises as fs } from "node:fs";
import { join } from "node:path";
import type { Disk, DiskFile } from "../disk.ts";

/**
 * A data directory's files as they are, for work on it while no server has it. Nothing is made, and
 * what a file lacks at its end reads as zeros, as it would for the tier.
 */
export class OfflineDisk implements Disk {
  readonly directory: string;
  readonly direct = false;
  readonly #writable: boolean;

  constructor(directory: string, writable: boolean) {
    this.directory = directory;
    this.#writable = writable;
  }

  async open(name: string): Promise<DiskFile> {
    try {
      const mode = this.#writable ? "r+" : "r";
      return new OfflineFile(await fs.open(join(this.directory, name), mode));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return new OfflineFile(undefined);
      throw error;
    }
  }

  /** A new file of `bytes` zeros, in place of one of that name. */
  async create(name: string, bytes: number): Promise<DiskFile> {
    const handle = await fs.open(join(this.directory, name), "w+", 0o600);
    try {
      await handle.truncate(bytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new OfflineFile(handle);
  }

  /** Gives a file another's name, and that file up; survives a loss of power once it resolves. */
  async replace(name: string, by: string): Promise<void> {
    await fs.rename(join(this.directory, by), join(this.directory, name));
    await this.syncNames();
  }

  async syncNames(): Promise<void> {
    const parent = await fs.open(this.directory, "r");
    try {
      await parent.sync();
    } finally {
      await parent.close();
    }
  }

  /** Takes all bytes from a file. */
  async empty(name: string): Promise<void> {
    await fs.truncate(join(this.directory, name));
  }

  async names(): Promise<string[]> {
    return fs.readdir(this.directory);
  }

  async remove(name: string): Promise<void> {
    await fs.rm(join(this.directory, name), { force: true });
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await fs.statfs(this.directory);
    return bavail * bsize;
  }
}

class OfflineFile implements DiskFile {
  readonly #handle: fs.FileHandle | undefined;

  /** @param handle - `undefined` for a file that is not there: it reads as zeros. */
  constructor(handle: fs.FileHandle | undefined) {
    this.#handle = handle;
  }

  async read(memory: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (this.#handle !== undefined && done < memory.length) {
      const left = memory.length - done;
      const { bytesRead } = await this.#handle.read(memory, done, left, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    memory.fill(0, done);
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (const part of parts)
      for (let done = 0; done < part.length;) {
        const { bytesWritten } = await this.#writable().write(part, done, part.length - done, at);
        done += bytesWritten;
        at += bytesWritten;
      }
  }

  sync(): Promise<void> {
    return this.#writable().datasync();
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  #writable(): fs.FileHandle {
    if (this.#handle === undefined) throw new TypeError("the file is not there");
    return this.#handle;
  }
}
