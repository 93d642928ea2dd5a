import {
  BODY_BYTES,
  RequestDecoder,
  type RequestLimits,
  type RequestReceiver,
  type RequestAnswer,
  bodyAnswer,
  requestAnswer,
  defaultRequestLimits,
} from "../../src/wire/resp/request-decoder.ts";
import { ReadWindow } from "../../src/wire/resp/read-window.ts";
import type { Request } from "../../src/wire/resp/request.ts";

/** What happens to an argument of 16 KiB and more. */
type BodyPolicy = "memory" | "inline" | "discard" | "wait";

export interface DecodingOptions {
  readonly limits?: Partial<RequestLimits>;
  /** For each big argument in turn, the last one for ever. Default: memory. */
  readonly bodies?: readonly BodyPolicy[];
  /** Size of the landing memory on offer. Default: none. */
  readonly landing?: number;
  /** Stop after every so many requests, until the input is through. Default: never. */
  readonly suspendEvery?: number;
  /** How often each request is given out in vain before it is done. Default 0. */
  readonly again?: number;
  /** Stop after each piece of input, in the middle of whatever it is. */
  readonly suspendAfterPieces?: boolean;
}

/** A receiver that keeps all it is told, over real memory with guard bytes around it. */
export class Decoding implements RequestReceiver {
  readonly requests: (Buffer | "discarded")[][] = [];
  readonly decoder: RequestDecoder;
  error: string | undefined;
  /** Most bytes held of unfinished requests at any time, bodies apart. */
  mostHeld = 0;
  readonly #options: DecodingOptions;
  readonly #memory = new Map<number, Buffer>();
  #nextBody = 1;
  #bodiesSeen = 0;
  /** The request that was given out last was not done, so often. */
  #inVain = 0;
  #landing: Buffer | undefined;

  constructor(options: DecodingOptions = {}) {
    this.#options = options;
    this.decoder = new RequestDecoder(this, new ReadWindow(), {
      ...defaultRequestLimits,
      ...options.limits,
    });
  }

  /** Feeds `input` as a socket would: each piece by as many reads as the targets have room for. */
  feed(input: Buffer, pieces: readonly number[] = [input.length]): this {
    let at = 0;
    for (let piece = 0; at < input.length && this.error === undefined; piece++) {
      const end = Math.min(input.length, at + Math.max(1, pieces[piece % pieces.length]));
      while (at < end && this.error === undefined) {
        while (this.decoder.suspended) this.decoder.resume();
        const target = this.decoder.target();
        const count = Math.min(target.length, end - at);
        if (count === 0) throw new Error("a read target without room");
        target.set(input.subarray(at, at + count));
        at += count;
        this.decoder.advance(count);
        this.mostHeld = Math.max(this.mostHeld, this.decoder.heldBytes);
      }
      if (this.#options.suspendAfterPieces === true) this.decoder.suspend();
    }
    while (this.decoder.suspended && this.error === undefined) this.decoder.resume();
    return this;
  }

  request(request: Request): RequestAnswer {
    if (this.#inVain < (this.#options.again ?? 0)) {
      this.#inVain++;
      return requestAnswer.again;
    }
    this.#inVain = 0;
    const words: (Buffer | "discarded")[] = [];
    for (let index = 0; index < request.argc; index++) {
      const body = request.body(index);
      if (body === undefined) words.push(Buffer.from(request.view(index)));
      else if (body === 0) words.push("discarded");
      else words.push(this.#take(body));
    }
    this.requests.push(words);
    const every = this.#options.suspendEvery ?? 0;
    return every === 0 || this.requests.length % every !== 0
      ? requestAnswer.next
      : requestAnswer.stop;
  }

  body(_request: Request, _index: number, length: number): number {
    if (length < BODY_BYTES) throw new Error(`asked about an argument of ${length} bytes`);
    const policies = this.#options.bodies ?? ["memory"];
    const policy = policies[Math.min(this.#bodiesSeen++, policies.length - 1)];
    if (policy !== "memory") return bodyAnswer[policy];
    this.#memory.set(this.#nextBody, Buffer.alloc(length + 2 + 40));
    this.#lengths.set(this.#nextBody, { start: 0, length });
    return this.#nextBody++;
  }

  bodyMemory(body: number, from: number): Uint8Array {
    const { start } = this.#lengths.get(body)!;
    return this.#memory.get(body)!.subarray(start + from);
  }

  landing(): Buffer | undefined {
    const size = this.#options.landing;
    if (size !== undefined) this.#landing ??= Buffer.alloc(size);
    return this.#landing;
  }

  land(_request: Request, _index: number, start: number, length: number): number {
    const landing = this.#landing!;
    if (start + length + 3 > landing.length) return 0;
    this.#landing = undefined;
    this.#memory.set(this.#nextBody, landing);
    this.#lengths.set(this.#nextBody, { start, length });
    return this.#nextBody++;
  }

  leaveLanding(): void {
    this.#landing = undefined;
  }

  protocolError(message: string): void {
    this.error = message;
  }

  readonly #lengths = new Map<number, { start: number; length: number }>();

  #take(body: number): Buffer {
    const { start, length } = this.#lengths.get(body)!;
    const value = Buffer.from(this.#memory.get(body)!.subarray(start, start + length));
    this.#memory.get(body)!.fill(0xee);
    this.#memory.delete(body);
    return value;
  }
}

/** A request as clients encode it. */
export function encode(words: readonly (string | Buffer)[]): Buffer {
  const parts = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.from(word);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}
