import type { Request } from "../../wire/resp/request.ts";

export interface SlowEntry {
  readonly id: number;
  /** Seconds since 1970. */
  readonly at: number;
  readonly micros: number;
  readonly arguments: readonly string[];
  readonly client: string;
  readonly clientName: string;
}

const MOST_ARGUMENTS = 32;
const MOST_BYTES = 128;

/** The last commands that took longer than a threshold. */
export class SlowLog {
  thresholdUs: number;
  maxEntries: number;
  readonly entries: SlowEntry[] = [];
  #nextId = 0;

  constructor(thresholdUs: number, maxEntries: number) {
    this.thresholdUs = thresholdUs;
    this.maxEntries = maxEntries;
  }

  add(request: Request, micros: number, at: number, client: string, clientName: string): void {
    if (this.maxEntries <= 0) return;
    this.entries.unshift({
      id: this.#nextId++,
      at: Math.floor(at / 1000),
      micros,
      arguments: shortArguments(request),
      client,
      clientName,
    });
    if (this.entries.length > this.maxEntries) this.entries.length = this.maxEntries;
  }
}

/** The arguments as text, long ones and long lists cut with a word on what is missing. */
export function shortArguments(request: Request): string[] {
  const texts: string[] = [];
  const shown = request.argc > MOST_ARGUMENTS ? MOST_ARGUMENTS - 1 : request.argc;
  for (let index = 0; index < shown; index++) {
    if (request.body(index) !== undefined) texts.push("(block)");
    else if (request.length(index) > MOST_BYTES) {
      const more = request.length(index) - MOST_BYTES;
      texts.push(`${request.latin1(index).slice(0, MOST_BYTES)}... (${more} more bytes)`);
    } else texts.push(request.latin1(index));
  }
  if (shown < request.argc) texts.push(`... (${request.argc - shown} more arguments)`);
  return texts;
}
