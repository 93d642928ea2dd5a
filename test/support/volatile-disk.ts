import type { Disk, DiskFile } from "../../src/tiers/ssd/disk.ts";
import type { Random } from "../fuzz/random.ts";

const PAGE = 4096;
const SECTOR = 512;

/**
 * What a loss of power leaves of what was written and not synced:
 * `"all"` (so it is when only the process ends), `"nothing"`, or of each `"write"`, `"page"` or
 * `"sector"` anything that lay there since the last sync.
 */
export type Remains = "all" | "nothing" | "write" | "page" | "sector";

/** Contents of a page since the last sync: first what is safe, then what each write made of it. */
interface Page {
  versions: { readonly bytes: Buffer; readonly write: number }[];
}

/** A disk whose unsynced writes may be lost, wholly or in part, when it {@link crash}es. */
export class VolatileDisk implements Disk {
  readonly directory: string;
  readonly direct: boolean;
  readonly #inner: Disk;
  readonly #random: Random;
  readonly #files: VolatileFile[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  /** Writes since the beginning. */
  writes = 0;
  isDead = false;

  constructor(inner: Disk, random: Random) {
    this.#inner = inner;
    this.#random = random;
    this.directory = inner.directory;
    this.direct = inner.direct;
  }

  async open(name: string, bytes: number): Promise<DiskFile> {
    const file = new VolatileFile(this, await this.#inner.open(name, bytes));
    this.#files.push(file);
    return file;
  }

  names(): Promise<string[]> {
    return this.#inner.names();
  }

  remove(name: string): Promise<void> {
    return this.#inner.remove(name);
  }

  replace(name: string, by: string): Promise<void> {
    return this.#inner.replace(name, by);
  }

  syncNames(): Promise<void> {
    return this.#inner.syncNames();
  }

  freeBytes(): Promise<number> {
    return this.#inner.freeBytes();
  }

  /** Runs an operation unless the power is gone; what it did may come too late to be told. */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.isDead) throw new Error("the power is gone");
    const running = operation();
    this.#underWay.add(running);
    try {
      const result = await running;
      if (this.isDead) throw new Error("the power went");
      return result;
    } finally {
      this.#underWay.delete(running);
    }
  }

  /** Nothing works from here on, and unsynced writes are gone as far as `remains` says. */
  async crash(remains: Remains): Promise<void> {
    this.isDead = true;
    await Promise.allSettled(this.#underWay);
    if (remains === "all") return;
    for (const file of this.#files) await file.lose(remains, this.#random);
  }
}

class VolatileFile implements DiskFile {
  readonly #disk: VolatileDisk;
  readonly #file: DiskFile;
  readonly #pages = new Map<number, Page>();
  /** Numbers of writes that have ended: only those are covered by a sync. */
  readonly #written = new Set<number>();

  constructor(disk: VolatileDisk, file: DiskFile) {
    this.#disk = disk;
    this.#file = file;
  }

  read(memory: Uint8Array, position: number): Promise<void> {
    return this.#disk.run(() => this.#file.read(memory, position));
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    const bytes = Buffer.concat(parts);
    const write = ++this.#disk.writes;
    return this.#disk.run(async () => {
      for (let at = 0; at < bytes.length; at += PAGE) {
        const number = (position + at) / PAGE;
        let page = this.#pages.get(number);
        if (page === undefined) {
          const before = Buffer.alloc(PAGE);
          await this.#file.read(before, number * PAGE);
          page = this.#pages.get(number) ?? { versions: [{ bytes: before, write: 0 }] };
          this.#pages.set(number, page);
        }
        page.versions.push({ bytes: bytes.subarray(at, at + PAGE), write });
      }
      await this.#file.write([bytes], position);
      this.#written.add(write);
    });
  }

  sync(): Promise<void> {
    return this.#disk.run(async () => {
      const covered = new Set(this.#written);
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#disk.isDead) return;
      for (const [number, page] of this.#pages) {
        const last = page.versions.findLastIndex(({ write }) => covered.has(write));
        if (last > 0) page.versions = page.versions.slice(last);
        if (page.versions.length === 1) this.#pages.delete(number);
      }
    });
  }

  async lose(remains: Exclude<Remains, "all">, random: Random): Promise<void> {
    const isKept = new Map<number, boolean>();
    for (const [number, { versions }] of this.#pages) {
      let bytes = versions[0].bytes;
      if (remains === "write")
        for (const version of versions.slice(1)) {
          if (!isKept.has(version.write)) isKept.set(version.write, random.below(2) === 0);
          if (isKept.get(version.write) === true) bytes = version.bytes;
        }
      if (remains === "page") bytes = random.pick(versions).bytes;
      if (remains === "sector")
        bytes = Buffer.concat(
          Array.from({ length: PAGE / SECTOR }, (_, sector) =>
            random.pick(versions).bytes.subarray(sector * SECTOR, (sector + 1) * SECTOR),
          ),
        );
      await this.#file.write([bytes], number * PAGE);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
