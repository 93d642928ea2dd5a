// Replies. RESP3 has types that RESP2 lacks; a client that did not ask for RESP3 gets the older form:
//
//   type      RESP2                RESP3
//   simple    "+" text CRLF        the same
//   error     "-" text CRLF        the same
//   integer   ":" digits CRLF      the same
//   bulk      "$" n CRLF … CRLF    the same
//   nil       "$-1" or "*-1" CRLF  "_" CRLF
//   array     "*" n CRLF …         the same
//   map       "*" 2n CRLF …        "%" n CRLF …
//   set       "*" n CRLF …         "~" n CRLF …
//   push      "*" n CRLF …         ">" n CRLF …
//   double    bulk                 "," text CRLF
//   boolean   ":1" or ":0" CRLF    "#t" or "#f" CRLF
//   verbatim  bulk                 "=" n CRLF "txt:" … CRLF

import { bulkHeaderBytes, writeBulkHeaderBefore } from "./frame.ts";

/** A value sent from where it lies instead of being copied among the replies. */
export interface Reference {
  /** How many bytes of replies come before it. */
  readonly at: number;
  readonly frame: Buffer;
  /** The owner's number for the memory. */
  readonly token: number;
}

const COMMON_INTEGERS = Array.from({ length: 64 }, (_, n) => Buffer.from(`:${n}\r\n`));

/** Collects replies in one buffer, which grows as needed, and references to big values among them. */
export class ReplyWriter {
  protocol: 2 | 3 = 2;
  buffer: Buffer;
  length = 0;
  readonly references: Reference[] = [];
  /** Bytes of all references. */
  referencedBytes = 0;

  constructor(bytes: number = 64 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }

  /** Bytes to be sent, references included. */
  get pendingBytes(): number {
    return this.length + this.referencedBytes;
  }

  /** Forgets what was collected. The buffer is reused, or `buffer` takes its place. */
  reset(buffer?: Buffer): void {
    if (buffer !== undefined) this.buffer = buffer;
    this.length = 0;
    this.referencedBytes = 0;
    if (this.references.length > 0) this.references.length = 0;
  }

  ok(): void {
    this.simple("OK");
  }

  simple(text: string): void {
    this.#line(0x2b, text);
  }

  /** @param text - begins with its code: `"ERR …"`, `"WRONGTYPE …"`. */
  error(text: string): void {
    this.#line(0x2d, text.replaceAll(/[\r\n]+/g, " "));
  }

  integer(value: number): void {
    if (value >= 0 && value < COMMON_INTEGERS.length && Number.isInteger(value)) {
      const bytes = COMMON_INTEGERS[value];
      this.#ensure(bytes.length);
      for (let i = 0; i < bytes.length; i++) this.buffer[this.length++] = bytes[i];
    } else this.#line(0x3a, String(value));
  }

  nil(): void {
    this.#line(this.protocol === 3 ? 0x5f : 0x24, this.protocol === 3 ? "" : "-1");
  }

  nilArray(): void {
    this.#line(this.protocol === 3 ? 0x5f : 0x2a, this.protocol === 3 ? "" : "-1");
  }

  /** A string is sent as UTF-8. */
  bulk(value: string | Uint8Array): void {
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    const header = bulkHeaderBytes(bytes.length);
    this.#ensure(header + bytes.length + 2);
    writeBulkHeaderBefore(this.buffer, this.length + header, bytes.length);
    this.buffer.set(bytes, this.length + header);
    this.length += header + bytes.length;
    this.#crlf();
  }

  /** Bytes that are framed already. */
  raw(source: Buffer, start: number, end: number): void {
    this.#ensure(end - start);
    source.copy(this.buffer, this.length, start, end);
    this.length += end - start;
  }

  /** A framed value to be sent from where it lies. */
  reference(frame: Buffer, token: number): void {
    this.references.push({ at: this.length, frame, token });
    this.referencedBytes += frame.length;
  }

  array(length: number): void {
    this.#count(0x2a, length);
  }

  map(pairs: number): void {
    if (this.protocol === 3) this.#count(0x25, pairs);
    else this.#count(0x2a, pairs * 2);
  }

  set(length: number): void {
    this.#count(this.protocol === 3 ? 0x7e : 0x2a, length);
  }

  push(length: number): void {
    this.#count(this.protocol === 3 ? 0x3e : 0x2a, length);
  }

  double(value: number): void {
    const text = Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
    if (this.protocol === 3) this.#line(0x2c, text);
    else this.bulk(text);
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.#line(0x23, value ? "t" : "f");
    else this.integer(value ? 1 : 0);
  }

  /** Text meant for people. */
  verbatim(text: string): void {
    if (this.protocol !== 3) {
      this.bulk(text);
      return;
    }
    this.#count(0x3d, Buffer.byteLength(text) + 4);
    this.#text(`txt:${text}`);
    this.#crlf();
  }

  #count(type: number, count: number): void {
    this.#line(type, String(count));
  }

  #line(type: number, text: string): void {
    this.#ensure(1);
    this.buffer[this.length++] = type;
    this.#text(text);
    this.#crlf();
  }

  #text(text: string): void {
    this.#ensure(text.length * 3);
    if (text.length < 24) {
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) {
          this.length += this.buffer.write(text.slice(i), this.length);
          return;
        }
        this.buffer[this.length++] = code;
      }
    } else this.length += this.buffer.write(text, this.length);
  }

  #crlf(): void {
    this.#ensure(2);
    this.buffer[this.length++] = 13;
    this.buffer[this.length++] = 10;
  }

  #ensure(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    let size = this.buffer.length * 2;
    while (size < needed) size *= 2;
    const bigger = Buffer.allocUnsafeSlow(size);
    this.buffer.copy(bigger, 0, 0, this.length);
    this.buffer = bigger;
  }
}
