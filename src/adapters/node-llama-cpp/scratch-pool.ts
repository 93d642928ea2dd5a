import { makeScratchFile, type ScratchFile } from "./scratch.ts";

/** How long a file waits for the next state, in milliseconds. */
const keptMs = 10_000;
/** Longer files are not kept. */
const mostKeptBytes = 256 * 1024 ** 2;

/**
 * Files to put states together in. The last one is kept for a while: writing over memory that a file has takes
 * half the time of getting it from the system.
 */
export class ScratchPool {
  readonly #folder: string | undefined;
  #kept: ScratchFile | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param folder as {@link makeScratchFile} takes it */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** A file of `bytes` bytes, with anything in it. Given back when disposed. */
  async take(bytes: number): Promise<ScratchFile> {
    const kept = this.#takeKept();
    const fits = kept !== undefined && (await kept.hasRoomFor(bytes));
    if (!fits) await kept?.[Symbol.asyncDispose]();
    const file = fits ? kept : await makeScratchFile(this.#folder, bytes);
    try {
      await file.handle.truncate(bytes);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
    return { ...file, [Symbol.asyncDispose]: () => this.#give(file, bytes) };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    await this.#takeKept()?.[Symbol.asyncDispose]();
  }

  async #give(file: ScratchFile, bytes: number): Promise<void> {
    if (this.#closed || this.#kept !== undefined || bytes > mostKeptBytes)
      return file[Symbol.asyncDispose]();
    this.#kept = file;
    this.#timer = setTimeout(() => void this.#drop(), keptMs);
    this.#timer.unref();
  }

  #takeKept(): ScratchFile | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    clearTimeout(this.#timer);
    return kept;
  }
}
