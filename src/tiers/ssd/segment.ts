import { crc32 } from "node:zlib";
import type { DiskFile } from "./disk.ts";
import { PAGE_BYTES, pagesFor } from "./layout.ts";
import { type RecordFields, recordBytes, writeRecord } from "./record.ts";

export type SegmentState =
  /** Holds nothing. */
  | "free"
  /** Frames are appended to it. */
  | "active"
  /** Takes no more frames; its last ones and its footer are being written. */
  | "ending"
  /** Its footer is written, or never will be. */
  | "closed"
  /** What is worth it moves to the active segment. */
  | "reclaiming";

/** One segment file. */
export class Segment {
  readonly number: number;
  readonly file: DiskFile;
  readonly bytes: number;
  state: SegmentState = "free";
  /** Grows with each use of any file; 0 before the first. */
  generation = 0;
  /** When this generation began, ms since 1970. */
  openedAt = 0;
  /** Where the next frame goes, in bytes. */
  position: number = PAGE_BYTES;
  /** Reads under way. */
  readers = 0;
  /** Has bytes that no sync has covered. */
  isDirty = false;
  #footer: Buffer = Buffer.alloc(0);
  #footerLength = 0;
  /** Bytes of the footer when all frames that were placed so far have been written. */
  #promisedFooter = 0;
  #records = 0;

  constructor(number: number, file: DiskFile, bytes: number) {
    this.number = number;
    this.file = file;
    this.bytes = bytes;
  }

  static nameOf(number: number): string {
    return `segment-${String(number).padStart(5, "0")}.kws`;
  }

  /** The number in a segment file's name, or `undefined`. */
  static numberOf(name: string): number | undefined {
    const match = /^segment-(\d{5})\.kws$/.exec(name);
    return match === null ? undefined : Number(match[1]);
  }

  get records(): number {
    return this.#records;
  }

  /** The footer so far. */
  get footer(): Buffer {
    return this.#footer.subarray(0, this.#footerLength);
  }

  get footerCrc(): number {
    return crc32(this.footer);
  }

  /** Empties the segment for another use. */
  begin(generation: number, now: number): void {
    this.state = "active";
    this.generation = generation;
    this.openedAt = now;
    this.position = PAGE_BYTES;
    this.#footerLength = 0;
    this.#promisedFooter = 0;
    this.#records = 0;
  }

  /** What was found on the disk of a segment that has no footer, so that it can be given one. */
  recover(records: Buffer, count: number, end: number): void {
    this.#footer = records;
    this.#footerLength = records.length;
    this.#records = count;
    this.position = end;
  }

  /** Lets go of the footer's memory; it is on the disk, or of no use. */
  forgetFooter(): void {
    this.#footer = Buffer.alloc(0);
    this.#footerLength = 0;
  }

  /** Whether a frame of so many pages and records with their keys fits, with footer and trailer. */
  hasRoom(pages: number, footerBytes: number): boolean {
    const footerPages = pagesFor(this.#promisedFooter + footerBytes);
    return this.position + (pages + footerPages + 1) * PAGE_BYTES <= this.bytes;
  }

  /** Gives the next pages to a frame; its records come to the footer when it is written. */
  place(pages: number, footerBytes: number): void {
    this.position += pages * PAGE_BYTES;
    this.#promisedFooter += footerBytes;
  }

  /** Whether footer and trailer fit behind the frames. */
  get hasFooterRoom(): boolean {
    return this.position + (pagesFor(this.#footerLength) + 1) * PAGE_BYTES <= this.bytes;
  }

  /** Adds a record to the footer; its position counts from the begin of the file. */
  addToFooter(record: Omit<RecordFields, "keyStart" | "keyEnd">, key: Uint8Array): void {
    const end = this.#footerLength + recordBytes(key.length);
    if (end > this.#footer.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(4096, this.#footer.length * 2, end));
      this.#footer.copy(bigger, 0, 0, this.#footerLength);
      this.#footer = bigger;
    }
    this.#footerLength = writeRecord(this.#footer, this.#footerLength, record, key);
    this.#records++;
  }
}
