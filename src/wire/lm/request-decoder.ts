import type { ReadWindow } from "../resp/read-window.ts";
import { RECOGNISED_BYTES, command, recogniseGeneration } from "./header.ts";
import { Request } from "./request.ts";

/** What {@link RequestReceiver.put} answers besides a body's number. */
export const bodyAnswer = { discard: 0, wait: -1 } as const;

/** What {@link RequestReceiver.request} answers. */
export const answer = {
  /** Done; on to the next request. */
  next: 0,
  /** Done, but no further request for now. */
  pause: 1,
  /** Not yet: the same request again after `resume`. */
  wait: 2,
} as const;

export type Answer = (typeof answer)[keyof typeof answer];

/** Hears what a {@link RequestDecoder} finds. */
export interface RequestReceiver {
  /** A request without a value, of a known command. */
  request(request: Request): Answer;
  /** The header of a PUT. Answers the number of a body that its value goes to, or a {@link bodyAnswer}. */
  put(request: Request): number;
  /** Memory of the body from `from` on; what lies behind its end, if anything, is taken back. */
  bodyMemory(body: number, from: number): Buffer;
  /** The value of a PUT is whole, or has been discarded (`body` 0). Answers whether to go on. */
  stored(request: Request, body: number): boolean;
  /** The input breaks the protocol; no more of it will be read. */
  protocolError(message: string): void;
}

/** Most bytes that are read behind a value: a header and some of the next value. */
const SURPLUS_BYTES = 512;

/**
 * Takes bytes in, gives requests out, and says where the next bytes should be read to: a small window
 * between requests, so that hardly any of a value has to be moved, and the value's own place then.
 */
export class RequestDecoder {
  readonly #receiver: RequestReceiver;
  readonly #window: ReadWindow;
  readonly #request = new Request();
  /** Bytes of the header that have come, and how many it takes. */
  #have = 0;
  #need = RECOGNISED_BYTES;
  #recognised = false;
  #body = -1;
  #bodyDone = 0;
  /** The next read goes to the body's memory. Asked for ahead, so it may begin before the body does. */
  #readsBody = false;
  #suspended = false;
  /** The header is whole and waits to be asked about again. */
  #waiting = false;
  /** What came after the request that suspended the decoder. */
  #rest: Buffer | undefined;
  #broken = false;

  constructor(receiver: RequestReceiver, window: ReadWindow) {
    this.#receiver = receiver;
    this.#window = window;
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  /** Whether a value is on its way, or a request has begun to come. */
  get inRequest(): boolean {
    return this.#body >= 0 || this.#have > 0;
  }

  /** The body whose value is on its way: the owner's to free when the peer is gone. 0: none. */
  get openBody(): number {
    return Math.max(0, this.#body);
  }

  /** Where the next bytes are to be read to. */
  target(): Buffer {
    this.#readsBody = this.#body > 0 && !this.#broken;
    if (this.#broken) return this.#window.view;
    if (this.#body < 0) return this.#window.narrow;
    const left = this.#request.length - this.#bodyDone;
    if (this.#body === 0) return this.#window.scratch(left);
    const memory = this.#receiver.bodyMemory(this.#body, this.#bodyDone);
    const most = left + SURPLUS_BYTES;
    return memory.length > most ? memory.subarray(0, most) : memory;
  }

  /** `count` bytes have been read to where {@link target} said. */
  advance(count: number): void {
    if (this.#broken) return;
    const { buffer, readAt } = this.#window;
    if (!this.#readsBody) {
      this.#decode(buffer, readAt, readAt + count);
      return;
    }
    const { length } = this.#request;
    const surplus = this.#bodyDone + count - length;
    if (surplus > 0) {
      // Moved first: what follows the value in its memory is about to be overwritten.
      const behind = this.#receiver.bodyMemory(this.#body, length);
      behind.copy(buffer, readAt, 0, surplus);
    }
    this.#bodyDone += count;
    if (surplus < 0) return;
    this.#finishBody();
    if (surplus > 0) this.#decode(buffer, readAt, readAt + surplus);
  }

  /** For readers that bring bytes of their own: copies them to where they belong. */
  push(bytes: Uint8Array): void {
    if (this.#broken) return;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#decode(buffer, 0, buffer.length);
  }

  /** Goes on after the receiver stopped it. */
  resume(): void {
    if (!this.#suspended || this.#broken) return;
    this.#suspended = false;
    if (this.#waiting) {
      this.#waiting = false;
      this.#dispatch();
    }
    const rest = this.#rest;
    if (rest === undefined || this.#broken || this.#suspended) return;
    this.#rest = undefined;
    this.#decode(rest, 0, rest.length);
  }

  /** No request will be given out any more. */
  stop(): void {
    this.#broken = true;
    this.#rest = undefined;
  }

  #decode(buffer: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to && !this.#broken) {
      if (this.#suspended) {
        this.#keep(buffer.subarray(at, to));
        return;
      }
      at += this.#body < 0 ? this.#takeHeader(buffer, at, to) : this.#takeBody(buffer, at, to);
    }
  }

  #takeHeader(buffer: Buffer, at: number, to: number): number {
    const count = Math.min(this.#need - this.#have, to - at);
    buffer.copy(this.#request.bytes, this.#have, at, at + count);
    this.#have += count;
    if (this.#have < this.#need) return count;
    if (!this.#recognised) {
      if (!isCommand(this.#request.command)) {
        this.#fail(`${this.#request.command} is no command`);
        return count;
      }
      this.#recognised = true;
      this.#request.generation = recogniseGeneration(this.#request.bytes);
      this.#need = this.#request.generation.requestBytes;
      return count;
    }
    this.#request.parseKey();
    this.#dispatch();
    return count;
  }

  #takeBody(buffer: Buffer, at: number, to: number): number {
    const count = Math.min(this.#request.length - this.#bodyDone, to - at);
    if (this.#body > 0)
      buffer.copy(this.#receiver.bodyMemory(this.#body, this.#bodyDone), 0, at, at + count);
    this.#bodyDone += count;
    if (this.#bodyDone === this.#request.length) this.#finishBody();
    return count;
  }

  /** The header is whole. */
  #dispatch(): void {
    const request = this.#request;
    const number = request.command;
    if (!isCommand(number)) {
      this.#fail(`${number} is no command`);
      return;
    }
    if (number === command.put) {
      this.#beginBody();
      return;
    }
    const given = this.#receiver.request(request);
    if (given === answer.wait) this.#suspended = this.#waiting = true;
    else {
      this.#have = 0;
      this.#suspended = given === answer.pause;
    }
  }

  #beginBody(): void {
    const { length } = this.#request;
    if (length < 0) {
      this.#fail(`a value of ${length} bytes`);
      return;
    }
    const body = this.#receiver.put(this.#request);
    if (body === bodyAnswer.wait) {
      this.#suspended = this.#waiting = true;
      return;
    }
    this.#body = body;
    this.#bodyDone = 0;
    if (length === 0) this.#finishBody();
  }

  #finishBody(): void {
    const body = this.#body;
    this.#body = -1;
    this.#have = 0;
    this.#suspended = !this.#receiver.stored(this.#request, body);
  }

  #fail(message: string): void {
    this.stop();
    this.#receiver.protocolError(message);
  }

  #keep(bytes: Buffer): void {
    this.#rest = this.#rest === undefined ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
  }
}

function isCommand(number: number): boolean {
  return number >= command.put && number <= command.health;
}
