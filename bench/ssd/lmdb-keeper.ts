import { promises as fs } from "node:fs";
import { join } from "node:path";
import { type BlockKeeper, Fifo } from "./block-keeper.ts";
import { dropFromPageCache, flushToDisk } from "./page-cache.ts";
import { loadRival } from "./rivals.ts";
import type { Slots } from "./slots.ts";

/** As much of the lmdb package as is used here. */
interface Lmdb {
  open(options: Readonly<Record<string, unknown>>): LmdbDatabase;
}

interface LmdbDatabase {
  put(key: number, value: Uint8Array): Promise<boolean>;
  remove(key: number): Promise<boolean>;
  /** A view of the map that is valid until the next read. */
  getBinaryFast(key: number): Uint8Array | undefined;
  readonly committed: Promise<unknown>;
  close(): Promise<void>;
}

/** Blocks in lmdb, as it comes but without syncing each commit. */
export class LmdbKeeper implements BlockKeeper {
  readonly #open: () => LmdbDatabase;
  #database: LmdbDatabase;
  readonly #directory: string;
  readonly #slots: Slots;
  readonly #size: number;
  readonly #fifo: Fifo;

  private constructor(
    open: () => LmdbDatabase,
    directory: string,
    slots: Slots,
    size: number,
    most: number,
  ) {
    this.#open = open;
    this.#database = open();
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
  ): Promise<LmdbKeeper> {
    await fs.mkdir(directory, { recursive: true });
    const lmdb = (await loadRival("lmdb")) as Lmdb;
    const database = () =>
      lmdb.open({
        path: join(directory, "data.mdb"),
        encoding: "binary",
        keyEncoding: "uint32",
        noSync: true,
        mapSize: 3 * size * most,
      });
    return new LmdbKeeper(database, directory, slots, size, most);
  }

  async write(): Promise<number> {
    const { added, gone } = this.#fifo.add();
    const removed = gone === undefined ? true : this.#database.remove(gone);
    await Promise.all([this.#database.put(added, this.#slots.source().value), removed]);
    return this.#size;
  }

  async flush(): Promise<void> {
    await this.#database.committed;
    await flushToDisk([join(this.#directory, "data.mdb")]);
  }

  /** Pages that are mapped stay: the map goes as well. */
  async forgetCache(): Promise<void> {
    await this.#database.close();
    dropFromPageCache([join(this.#directory, "data.mdb")]);
    this.#database = this.#open();
  }

  async read(): Promise<number> {
    const { ram } = this.#slots;
    const slot = ram.reserve(this.#size, 24);
    const found = this.#database.getBinaryFast(this.#fifo.any());
    if (found === undefined) throw new Error("lmdb has lost a block");
    // lmdb's buffer is longer than the value in it.
    ram.slots.value(slot).set(found.subarray(0, this.#size));
    ram.cancel(slot);
    return this.#size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.close();
    await fs.rm(this.#directory, { recursive: true, force: true });
  }
}
