import { wantsColor, type CliIo } from "./io.ts";
import { painter, type Paint } from "./render/style.ts";
import { alignedTable, tabbedTable, type Column } from "./render/table.ts";

/** Flags of every verb. */
export interface OutputFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/**
 * How a verb speaks: results on stdout (one JSON object under `--json`, tables on a terminal,
 * tab-separated lines in a pipe), everything else on stderr.
 */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly paint: Paint;
  readonly #io: CliIo;

  constructor(io: CliIo, flags: OutputFlags = {}) {
    this.#io = io;
    this.json = flags.json ?? false;
    this.quiet = flags.quiet ?? false;
    this.paint = painter(wantsColor(io.stdout, io.env));
  }

  get isTerminal(): boolean {
    return this.#io.stdout.isTTY === true;
  }

  /** The one result of the verb, for programs under `--json` and for people otherwise. */
  result(value: object, text: () => string): void {
    if (this.json) this.object(value);
    else this.text(text());
  }

  /** One line of JSON. */
  object(value: object): void {
    this.#io.stdout.write(`${JSON.stringify(value)}\n`);
  }

  text(text: string): void {
    if (text !== "" && !this.quiet) this.#io.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  }

  /** Bytes as they are, `--quiet` or not. */
  bytes(bytes: Uint8Array): void {
    this.#io.stdout.write(bytes);
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
    return this.isTerminal ? alignedTable(columns, rows, this.paint) : tabbedTable(rows);
  }

  /** Names and values below each other; rows without a value are left out. */
  facts(rows: readonly (readonly [name: string, value: string | undefined])[]): string {
    const present = rows.filter((row): row is [string, string] => row[1] !== undefined);
    if (!this.isTerminal) return tabbedTable(present);
    const width = Math.max(...present.map(([name]) => name.length));
    return present.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
  }

  /** Something worth knowing that is no result. */
  note(text: string): void {
    if (!this.quiet) this.#io.stderr.write(`${text}\n`);
  }

  warn(text: string): void {
    const paint = painter(wantsColor(this.#io.stderr, this.#io.env));
    if (!this.quiet) this.#io.stderr.write(`${paint("yellow", "warning:")} ${text}\n`);
  }
}
