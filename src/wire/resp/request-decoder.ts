// Requests, as every Redis client sends them (RESP2 and RESP3 alike):
//
//   request  = "*" count CRLF  count × ( "$" length CRLF bytes CRLF )
//   inline   = words separated by blanks, with Redis's quoting, LF or CRLF
//
// A count of 0 or less, or an empty line, is no request and gets no reply.

import { splitInline } from "./inline.ts";
import type { ReadWindow } from "./read-window.ts";
import { Request } from "./request.ts";

export interface RequestLimits {
  /** Most arguments of one request. */
  readonly maxArguments: number;
  /** Longest argument, in bytes. */
  readonly maxBulkBytes: number;
  /** Most bytes of one request outside bodies. */
  readonly maxRequestBytes: number;
}

/** Redis's own limits, but for the bytes of one request (Redis: 1 GiB for all that waits). */
export const defaultRequestLimits: RequestLimits = {
  maxArguments: 1024 * 1024,
  maxBulkBytes: 512 * 1024 ** 2,
  maxRequestBytes: 16 * 1024 ** 2,
};

/** Answers of {@link RequestReceiver.body} besides a body number (≥ 1). */
export const bodyAnswer = {
  /** Read it and throw it away; the argument gets body number 0. */
  discard: 0,
  /** Keep it among the other arguments, up to the request's limit. */
  inline: -1,
  /** Stop here; ask again on {@link RequestDecoder.resume}. */
  wait: -2,
} as const;

/** Answers of {@link RequestReceiver.request}. */
export const requestAnswer = {
  /** It is done; on to the next one. */
  next: 0,
  /** It is done; stop here until {@link RequestDecoder.resume}. */
  stop: 1,
  /** It is not done: stop here; {@link RequestDecoder.resume} gives the same request out again. */
  again: 2,
} as const;

export type RequestAnswer = (typeof requestAnswer)[keyof typeof requestAnswer];

/** What a decoder tells its owner. */
export interface RequestReceiver {
  /** A whole request. Answers whether it is done and whether to go on. */
  request(request: Request): RequestAnswer;
  /**
   * Argument `index` of `length` bytes (≥ {@link BODY_BYTES}) is about to come; `request` holds those
   * before it. Answers its body number or a {@link bodyAnswer}.
   */
  body(request: Request, index: number, length: number): number;
  /**
   * The memory that body bytes from `from` on go to, with two bytes more for the CRLF and at least
   * one more to spare. A read that does not fill its memory ends the socket's turn, so that a peer
   * that sends without a pause does not keep the others waiting; what it brings of the next request
   * is taken back from there.
   */
  bodyMemory(body: number, from: number): Uint8Array;
  /**
   * Memory for a request that probably brings a big value like the last one: the value may then stay
   * where it was read to. The same memory again until {@link land} takes it or {@link leaveLanding}
   * gives it back; `undefined` when there is none to spare.
   */
  landing(): Buffer | undefined;
  /**
   * Argument `index`, of `length` bytes, begins at `start` of the landing memory. Answers its body
   * number when it is to stay there, 0 when it is to be read as any other.
   */
  land(request: Request, index: number, start: number, length: number): number;
  /** The landing memory is not wanted any more. */
  leaveLanding(): void;
  /** The input breaks the protocol; no more of it will be read. */
  protocolError(message: string): void;
}

/** From this length on an argument that is not at hand whole is read as a body. */
export const BODY_BYTES = 16 * 1024;

const MAX_LINE_BYTES = 64 * 1024;
/** Small requests among big ones that it takes to give up the landing memory. */
const LANDINGS_TO_LOSE = 4;
const KEPT_CARRY_BYTES = 4096;
const CR = 13;
const LF = 10;
const STAR = 0x2a;
const DOLLAR = 0x24;

/**
 * Takes bytes in, gives requests out, and says where the next bytes should be read to: normally a
 * window that all connections share, but straight into its final place for a big value.
 */
export class RequestDecoder {
  readonly #receiver: RequestReceiver;
  readonly #window: ReadWindow;
  readonly #request = new Request();
  #limits: RequestLimits;

  /** The beginning of a request whose rest has not come. */
  #carry: Buffer | undefined;
  #carryLength = 0;

  /** Arguments of the request under way, or -1 between requests. */
  #argc = -1;
  #index = 0;
  /** How far the request is decoded, from its first byte. */
  #position = 0;

  #bodyNumber = -1;
  #bodyLength = 0;
  #bodyDone = 0;

  /** The last big value suggests that another one comes. */
  #valuesAreBig = false;
  /** What the next read goes to, if it is the receiver's landing memory. */
  #landing: Buffer | undefined;
  /** Reads in a row that brought no big value to the landing memory. */
  #landedNothing = 0;
  #suspended = false;
  #broken = false;

  constructor(receiver: RequestReceiver, window: ReadWindow, limits: RequestLimits) {
    this.#receiver = receiver;
    this.#window = window;
    this.#limits = limits;
  }

  set limits(limits: RequestLimits) {
    this.#limits = limits;
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  /** Bytes held of a request that is not complete, without its bodies. */
  get heldBytes(): number {
    return this.#carry?.length ?? 0;
  }

  /** What has come after a request that is to be given out again: a view, valid in this turn. */
  get ahead(): Buffer | undefined {
    return this.#suspended && this.#index === this.#argc
      ? this.#carry?.subarray(this.#position, this.#carryLength)
      : undefined;
  }

  /** Whether a value is on its way into memory that was set aside for it. */
  get inBody(): boolean {
    return this.#bodyNumber >= 0;
  }

  /** Bodies of the request under way, complete or not: the owner's to free when the peer is gone. */
  get openBodies(): readonly number[] {
    const open = this.#request.bodies.filter((_, index) => index % 2 === 1);
    if (this.#bodyNumber > 0) open.push(this.#bodyNumber);
    return open;
  }

  /** Where the next bytes are to be read to. */
  target(): Uint8Array {
    if (this.#broken) return this.#window.view;
    if (this.#bodyNumber > 0) return this.#receiver.bodyMemory(this.#bodyNumber, this.#bodyDone);
    if (this.#bodyNumber === 0) return this.#window.scratch(this.#bodyLength + 2 - this.#bodyDone);
    if (this.#carryLength > this.#window.headroom) return this.#carry!.subarray(this.#carryLength);
    if (!this.#valuesAreBig) return this.#window.view;
    this.#landing = this.#carryLength === 0 ? this.#receiver.landing() : undefined;
    return this.#landing ?? this.#window.narrow;
  }

  /** `count` bytes have been read to where {@link target} said. */
  advance(count: number): void {
    if (this.#broken) return;
    if (this.#bodyNumber >= 0) {
      this.#advanceBody(count);
      return;
    }
    if (this.#landing !== undefined) {
      this.#advanceLanding(this.#landing, count);
      return;
    }
    const held = this.#carryLength;
    if (held > this.#window.headroom) {
      this.#carryLength += count;
      this.#decodeCarry();
      return;
    }
    const { buffer, readAt, narrow } = this.#window;
    // A narrow window that is full of other things than a big value's beginning was a wrong guess.
    if (count >= narrow.length) this.#valuesAreBig = false;
    if (held > 0) this.#carry!.copy(buffer, readAt - held, 0, held);
    this.#carryLength = 0;
    this.#decode(buffer, readAt - held, readAt + count);
  }

  /** For readers that bring bytes of their own: copies them to where they belong. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#broken) {
      if (this.#suspended) {
        this.#keep(bytes.subarray(at), this.#carryLength);
        return;
      }
      const target = this.target();
      const count = Math.min(target.length, bytes.length - at);
      target.set(bytes.subarray(at, at + count));
      at += count;
      this.advance(count);
    }
  }

  /** Gives out nothing more until {@link resume}, as if the receiver had stopped it. */
  suspend(): void {
    this.#suspended = true;
  }

  /** Goes on after it was stopped. */
  resume(): void {
    if (!this.#suspended || this.#broken) return;
    this.#suspended = false;
    if (this.#bodyNumber < 0) this.#decodeCarry();
  }

  /** No request will be given out any more. */
  stop(): void {
    this.#broken = true;
  }

  #decodeCarry(): void {
    const length = this.#carryLength;
    this.#carryLength = 0;
    if (this.#carry !== undefined) this.#decode(this.#carry, 0, length);
  }

  /** Decodes `buffer[base, to)`, in which the request under way begins at `base`. */
  #decode(buffer: Buffer, from: number, to: number): void {
    let base = from;
    const request = this.#request;
    while (!this.#broken) {
      request.bytes = buffer;
      request.base = base;
      const complete = this.#decodeOne(buffer, base, to);
      if (this.#broken) return;
      if (!complete) {
        // A body that has begun took all that followed the arguments before it.
        const keepTo = this.#bodyNumber >= 0 ? base + this.#position : to;
        this.#keep(buffer.subarray(base, keepTo), 0);
        if (this.#bodyNumber >= 0) this.#advanceBody(0);
        return;
      }
      const answer = request.argc === 0 ? requestAnswer.next : this.#receiver.request(request);
      if (answer === requestAnswer.again) {
        if (this.#broken) return;
        this.#suspended = true;
        // What is decoded of it stays so; but inline words lie in memory that is not kept.
        if (this.#argc < 0) this.#position = this.#index = 0;
        this.#keep(buffer.subarray(base, to), 0);
        return;
      }
      base += this.#position;
      this.#position = 0;
      this.#argc = -1;
      this.#index = 0;
      if (request.bodies.length > 0) request.bodies.length = 0;
      if (answer === requestAnswer.stop && !this.#broken) {
        this.#suspended = true;
        this.#keep(buffer.subarray(base, to), 0);
        return;
      }
      if (base === to) {
        if (this.#carry !== undefined && this.#carry.length > KEPT_CARRY_BYTES)
          this.#carry = undefined;
        return;
      }
    }
  }

  /** Decodes on to the end of one request; false when it needs more bytes or must wait. */
  #decodeOne(buffer: Buffer, base: number, to: number): boolean {
    const request = this.#request;
    let at = base + this.#position;
    if (this.#argc < 0) {
      if (at >= to) return false;
      if (buffer[at] !== STAR) return this.#decodeInline(buffer, base, to);
      const next = this.#line(buffer, at + 1, to, "mbulk count");
      if (next === 0) return false;
      if (this.#number > this.#limits.maxArguments) return this.#fail("invalid multibulk length");
      this.#argc = Math.max(0, this.#number);
      at = next;
    }
    while (this.#index < this.#argc) {
      this.#position = at - base;
      if (at >= to) return false;
      if (buffer[at] !== DOLLAR) return this.#fail(`expected '$', got '${printable(buffer[at])}'`);
      const start = this.#line(buffer, at + 1, to, "bulk count");
      if (start === 0) return false;
      const length = this.#number;
      if (length < 0 || length > this.#limits.maxBulkBytes)
        return this.#fail("invalid bulk length");
      const end = start + length;
      if (buffer === this.#landing && length >= BODY_BYTES) {
        request.argc = this.#index;
        if (this.#hasLanded(base, start, length, to)) return false;
      }
      if (end + 2 > to) {
        if (length >= BODY_BYTES) {
          request.argc = this.#index;
          this.#beginBody(buffer, base, start, length, to);
        }
        return false;
      }
      if (buffer[end] !== CR || buffer[end + 1] !== LF)
        return this.#fail("expected CRLF after an argument");
      this.#setArgument(start - base, end - base);
      at = end + 2;
    }
    request.argc = this.#argc;
    this.#position = at - base;
    return true;
  }

  /** Sees to an argument of which only `buffer[start, to)` has come. */
  #beginBody(buffer: Buffer, base: number, start: number, length: number, to: number): void {
    let body = this.#receiver.body(this.#request, this.#index, length);
    if (body === bodyAnswer.wait) {
      this.#suspended = true;
      return;
    }
    if (body === bodyAnswer.inline) {
      const requestBytes = start - base + length + 2;
      if (requestBytes <= this.#limits.maxRequestBytes) {
        this.#reserveCarry(requestBytes);
        return;
      }
      body = bodyAnswer.discard;
    }
    if (body > 0) this.#receiver.bodyMemory(body, 0).set(buffer.subarray(start, to));
    this.#valuesAreBig = true;
    this.#openBody(body, base, start, length, to);
  }

  /** Whether the argument that begins at `start` of the landing memory stays there as a body. */
  #hasLanded(base: number, start: number, length: number, to: number): boolean {
    const body = this.#receiver.land(this.#request, this.#index, start, length);
    this.#landedNothing = 0;
    if (body === 0) return false;
    this.#openBody(body, base, start, length, to);
    return true;
  }

  #openBody(body: number, base: number, start: number, length: number, to: number): void {
    this.#bodyNumber = body;
    this.#bodyLength = length;
    this.#bodyDone = to - start;
    // What is kept of the request ends with this argument's header; later arguments follow it.
    this.#position = start - base;
  }

  #advanceLanding(landing: Buffer, count: number): void {
    this.#landedNothing++;
    this.#decode(landing, 0, count);
    this.#landing = undefined;
    if (this.#landedNothing === 0) return;
    if (count < this.#window.narrow.length && this.#landedNothing < LANDINGS_TO_LOSE) return;
    this.#landedNothing = 0;
    this.#valuesAreBig = false;
    this.#receiver.leaveLanding();
  }

  #advanceBody(count: number): void {
    this.#bodyDone += count;
    if (this.#bodyDone < this.#bodyLength + 2) return;
    const body = this.#bodyNumber;
    this.#bodyNumber = -1;
    this.#request.bodies.push(this.#index, body);
    const surplus = this.#bodyDone - this.#bodyLength - 2;
    if (body > 0) {
      const trailer = this.#receiver.bodyMemory(body, this.#bodyLength);
      if (trailer[0] !== CR || trailer[1] !== LF) {
        this.#fail("expected CRLF after an argument");
        return;
      }
      if (surplus > 0) this.#keep(trailer.subarray(2, 2 + surplus), this.#carryLength);
    }
    this.#setArgument(this.#position, this.#position);
    this.#decodeCarry();
  }

  #setArgument(start: number, end: number): void {
    const request = this.#request;
    const index = this.#index++;
    if (index >= request.starts.length) {
      const starts = new Int32Array(index * 2);
      const ends = new Int32Array(index * 2);
      starts.set(request.starts);
      ends.set(request.ends);
      request.starts = starts;
      request.ends = ends;
    }
    request.starts[index] = start;
    request.ends[index] = end;
  }

  #decodeInline(buffer: Buffer, base: number, to: number): boolean {
    const end = buffer.subarray(0, to).indexOf(LF, base);
    if (end < 0) return to - base > MAX_LINE_BYTES ? this.#fail("too big inline request") : false;
    const words = splitInline(buffer, base, end > base && buffer[end - 1] === CR ? end - 1 : end);
    if (words === undefined) return this.#fail("unbalanced quotes in request");
    this.#position = end + 1 - base;
    // Words move to a buffer of their own: quoting may have changed their bytes.
    const request = this.#request;
    request.bytes = Buffer.concat(words);
    request.base = 0;
    let at = 0;
    for (const word of words) {
      this.#setArgument(at, at + word.length);
      at += word.length;
    }
    request.argc = words.length;
    return true;
  }

  #number = 0;

  /** Reads a number up to CRLF into `#number`. Returns the place after it, or 0 when it is cut off. */
  #line(buffer: Buffer, from: number, to: number, what: string): number {
    let at = from;
    let value = 0;
    let sign = 1;
    if (at < to && buffer[at] === 0x2d) {
      sign = -1;
      at++;
    }
    const firstDigit = at;
    for (; at < to; at++) {
      const digit = buffer[at] - 48;
      if (digit < 0 || digit > 9) break;
      if (at - firstDigit < 16) value = value * 10 + digit;
    }
    if (at + 1 >= to) {
      if (at - from > 32 || (at < to && buffer[at] !== CR)) this.#failLine(what, at - from);
      return 0;
    }
    if (buffer[at] !== CR || buffer[at + 1] !== LF || at === firstDigit) {
      this.#failLine(what, at - from);
      return 0;
    }
    this.#number = at - firstDigit > 15 ? Number.MAX_SAFE_INTEGER : sign * value;
    return at + 2;
  }

  #failLine(what: string, length: number): void {
    if (length > 32) this.#fail(`too big ${what} string`);
    else this.#fail(what === "bulk count" ? "invalid bulk length" : "invalid multibulk length");
  }

  #fail(message: string): false {
    this.#broken = true;
    this.#receiver.protocolError(message);
    return false;
  }

  /** Makes `bytes` the carry from `at` on. They may lie in the carry itself. */
  #keep(bytes: Uint8Array, at: number): void {
    const length = at + bytes.length;
    if (length > this.#limits.maxRequestBytes && !this.#suspended) {
      this.#fail("request too big");
      return;
    }
    const carry = this.#reserveCarry(length);
    carry.set(bytes, at);
    this.#carryLength = length;
  }

  #reserveCarry(length: number): Buffer {
    let carry = this.#carry;
    if (carry !== undefined && carry.length > length) return carry;
    // Beyond the headroom the next read goes right behind the carry, so it must have room there.
    const needed = length > this.#window.headroom ? length + this.#window.headroom : length;
    let size = 256;
    while (size <= needed) size *= 2;
    const bigger = Buffer.allocUnsafeSlow(size);
    if (carry !== undefined) carry.copy(bigger);
    carry = bigger;
    this.#carry = carry;
    return carry;
  }
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`;
}
