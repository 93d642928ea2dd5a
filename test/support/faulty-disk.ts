import type { Disk, DiskFile } from "../../src/tiers/ssd/disk.ts";

export type DiskOperation = "open" | "read" | "write" | "sync";

/** What goes wrong with an operation. */
export type Fault =
  /** It is refused. */
  | { readonly kind: "error"; readonly code: keyof typeof reasons }
  /** The first half of a write reaches the disk, and that is said. */
  | { readonly kind: "short" }
  /** The first half of a write reaches the disk, and all is said to be well. */
  | { readonly kind: "torn" }
  /** One bit of what is read, or of what is written, is another. */
  | { readonly kind: "flip" }
  /** It begins when {@link FaultyDisk.openGate} is called. */
  | { readonly kind: "wait" };

export interface DiskCall {
  readonly operation: DiskOperation;
  readonly file: string;
  readonly position: number;
}

const reasons = {
  EIO: "i/o error",
  ENOSPC: "no space left on device",
  EROFS: "read-only file system",
  EMFILE: "too many open files",
};

/** A disk that fails as it is told to, over one that works. */
export class FaultyDisk implements Disk {
  readonly directory: string;
  readonly direct: boolean;
  /** What goes wrong with a call; `undefined`: nothing. */
  fault: ((call: DiskCall) => Fault | undefined) | undefined;
  /** Calls that were begun, also those that failed. */
  readonly calls: DiskCall[] = [];
  readonly #inner: Disk;
  #waiting: (() => void)[] = [];

  constructor(inner: Disk) {
    this.#inner = inner;
    this.directory = inner.directory;
    this.direct = inner.direct;
  }

  /** Operations that wait at the gate. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets those go on that wait, and nothing goes wrong any more. */
  openGate(): void {
    this.fault = undefined;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  async open(name: string, bytes: number): Promise<DiskFile> {
    await this.#meet("open", name, 0);
    const file = await this.#inner.open(name, bytes);
    return {
      read: async (memory, position) => {
        const fault = await this.#meet("read", name, position);
        await file.read(memory, position);
        if (fault?.kind === "flip") memory[memory.length >> 1] ^= 4;
      },
      write: async (parts, position) => {
        const fault = await this.#meet("write", name, position);
        if (fault === undefined) return file.write(parts, position);
        const bytes = Buffer.concat(parts);
        if (fault.kind === "flip") {
          bytes[bytes.length >> 1] ^= 4;
          return file.write([bytes], position);
        }
        const half = Math.floor(bytes.length / 2 / 4096) * 4096;
        if (half > 0) await file.write([bytes.subarray(0, half)], position);
        if (fault.kind === "short") throw new Error(`wrote ${half} of ${bytes.length} bytes`);
        return undefined;
      },
      sync: async () => {
        await this.#meet("sync", name, 0);
        await file.sync();
      },
      close: () => file.close(),
    };
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

  /** What the operation is to do wrong; rejects if it is to fail, waits if it is to wait. */
  async #meet(
    operation: DiskOperation,
    file: string,
    position: number,
  ): Promise<Fault | undefined> {
    const call = { operation, file, position };
    this.calls.push(call);
    const fault = this.fault?.(call);
    if (fault?.kind === "error")
      throw Object.assign(new Error(`${fault.code}: ${reasons[fault.code]}, ${operation}`), {
        code: fault.code,
      });
    if (fault?.kind !== "wait") return fault;
    await new Promise<void>((resume) => this.#waiting.push(resume));
    return undefined;
  }
}
