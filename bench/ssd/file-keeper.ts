import { promises as fs } from "node:fs";
import { join } from "node:path";
import { type BlockKeeper, Fifo } from "./block-keeper.ts";
import { dropFromPageCache, flushToDisk } from "./page-cache.ts";
import type { Slots } from "./slots.ts";

/** One file a block: written under another name, then renamed; 256 directories. */
export class FileKeeper implements BlockKeeper {
  readonly #directory: string;
  readonly #slots: Slots;
  readonly #size: number;
  readonly #fifo: Fifo;
  #unflushed: string[] = [];
  #cached: string[] = [];

  private constructor(directory: string, slots: Slots, size: number, most: number) {
    this.#directory = directory;
    this.#slots = slots;
    this.#size = size;
    this.#fifo = new Fifo(most);
  }

  static async open(
    directory: string,
    slots: Slots,
    size: number,
    most: number,
  ): Promise<FileKeeper> {
    for (let i = 0; i < 256; i++)
      await fs.mkdir(join(directory, i.toString(16)), { recursive: true });
    return new FileKeeper(directory, slots, size, most);
  }

  async write(): Promise<number> {
    const { added, gone } = this.#fifo.add();
    const path = this.#path(added);
    const file = await fs.open(`${path}.new`, "w");
    try {
      await file.write(this.#slots.source().value);
    } finally {
      await file.close();
    }
    await fs.rename(`${path}.new`, path);
    if (gone !== undefined) await fs.rm(this.#path(gone), { force: true });
    this.#unflushed.push(path);
    return this.#size;
  }

  async flush(): Promise<void> {
    const files = this.#unflushed;
    this.#unflushed = [];
    const there = await Promise.all(
      files.map((path) =>
        fs.access(path).then(
          () => true,
          () => false,
        ),
      ),
    );
    const left = files.filter((_, index) => there[index]);
    await flushToDisk(left);
    this.#cached.push(...left);
  }

  async forgetCache(): Promise<void> {
    for (let at = 0; at < this.#cached.length; at += 1000)
      dropFromPageCache(this.#cached.slice(at, at + 1000));
    this.#cached = [];
  }

  async read(): Promise<number> {
    const { ram } = this.#slots;
    const path = this.#path(this.#fifo.any());
    const slot = ram.reserve(this.#size, 24);
    const file = await fs.open(path, "r");
    try {
      const { bytesRead } = await file.read(ram.slots.value(slot), 0, this.#size, 0);
      this.#cached.push(path);
      return bytesRead;
    } finally {
      await file.close();
      ram.cancel(slot);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await fs.rm(this.#directory, { recursive: true, force: true });
  }

  #path(number: number): string {
    return join(this.#directory, (number % 256).toString(16), `${number}.block`);
  }
}
