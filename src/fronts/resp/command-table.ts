import type { Request } from "../../wire/resp/request.ts";
import { Command, type CommandSpec } from "./command.ts";

const CELLS = 1024;

/** Finds a command by the bytes of its name, in any case, without making a string. */
export class CommandTable {
  readonly all: readonly Command[];
  readonly #byName: ReadonlyMap<string, Command>;
  readonly #cells: Command[][] = Array.from({ length: CELLS }, () => []);

  constructor(specs: readonly CommandSpec[]) {
    this.all = specs.map((spec) => new Command(spec));
    this.#byName = new Map(this.all.map((command) => [command.name, command]));
    for (const command of this.all) {
      const name = Buffer.from(command.name);
      this.#cells[cellOf(name, 0, name.length)].push(command);
    }
  }

  get(name: string): Command | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  /** The command that argument 0 names. */
  find(request: Request): Command | undefined {
    const { bytes } = request;
    const start = request.start(0);
    const end = request.end(0);
    if (start === end) return undefined;
    const candidates = this.#cells[cellOf(bytes, start, end)];
    for (let i = 0; i < candidates.length; i++)
      if (isNamed(candidates[i].name, bytes, start, end)) return candidates[i];
    return undefined;
  }
}

function cellOf(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start] & 0x1f;
  const middle = bytes[(start + end) >> 1] & 0x1f;
  const last = bytes[end - 1] & 0x1f;
  return (first * 33 + middle * 7 + last * 171 + (end - start) * 29) & (CELLS - 1);
}

function isNamed(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    let byte = bytes[start + i];
    if (byte >= 0x41 && byte <= 0x5a) byte += 32;
    if (byte !== name.charCodeAt(i)) return false;
  }
  return true;
}
