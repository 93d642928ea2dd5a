import { open, type FileHandle } from "node:fs/promises";
import type { ExternalData } from "./graph.ts";

/** Weights begin where pages do, so that the runtime can map them. */
const alignment = 4096;

/** A file of float32 weights, written one after the other. */
export class WeightsFile {
  readonly #location: string;
  readonly #file: FileHandle;
  readonly #places = new Map<string, ExternalData>();
  #end = 0;

  private constructor(location: string, file: FileHandle) {
    this.#location = location;
    this.#file = file;
  }

  /** @param location The file's name as models beside it say it. */
  static async create(path: string, location: string): Promise<WeightsFile> {
    return new WeightsFile(location, await open(path, "w"));
  }

  async add(name: string, values: Float32Array): Promise<void> {
    const offset = Math.ceil(this.#end / alignment) * alignment;
    const length = values.byteLength;
    await this.#file.write(
      Buffer.from(values.buffer, values.byteOffset, length),
      0,
      length,
      offset,
    );
    this.#places.set(name, { location: this.#location, offset, length });
    this.#end = offset + length;
  }

  placeOf(name: string): ExternalData {
    return this.#places.get(name)!;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
