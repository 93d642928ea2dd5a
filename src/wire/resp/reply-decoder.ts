import { KeepwarmError } from "../../errors.ts";
import { parseBigNumber, parseDouble, parseInteger } from "./numbers.ts";
import { ReplyError, type Reply } from "./reply.ts";
import { ReplyType as Type } from "./reply-type.ts";
import type { ReplyHandler, ReplyLimits } from "./reply-handler.ts";

/** From this many missing bytes on, reading straight into the destination beats a copy. */
const directBytes = 16 * 1024;

const State = { line: 0, body: 1, cr: 2, lf: 3, broken: 4 } as const;
type State = (typeof State)[keyof typeof State];

interface Frame {
  readonly kind: number;
  /** Elements still to come; Infinity when a "." ends it. */
  left: number;
  readonly items: Reply[];
}

const lf = 10;
const cr = 13;
const question = 63;
const colon = 58;

/**
 * Decodes RESP2 and RESP3 replies from bytes as they come.
 *
 *     +text  -error  :integer  $bulk  *array                     RESP2
 *     _null  #boolean  ,double  (big number  !bulk error  =verbatim
 *     %map  ~set  >push  |attribute (dropped)                    RESP3
 *     $? ;chunk ;0  and  *? ... .                                RESP3, streamed
 *
 * Feed what was read to {@link write}; nothing of it is kept. While the body of a bulk string is
 * missing, {@link space} names the memory it will live in, so that a socket can read straight
 * into it; say how much came with {@link advance}.
 */
export class ReplyDecoder {
  readonly #handler: ReplyHandler;
  readonly #limits: Required<ReplyLimits>;
  readonly #stack: Frame[] = [];
  #state: State = State.line;
  /** The beginning of a line whose end has not come. */
  #partial: Buffer | undefined;
  #kind = 0;
  #target: Uint8Array | null = null;
  #own: Buffer | undefined;
  #length = 0;
  #filled = 0;
  #chunks: Buffer[] | undefined;
  #chunked = 0;

  constructor(handler: ReplyHandler, limits: ReplyLimits = {}) {
    this.#handler = handler;
    this.#limits = {
      bulkBytes: limits.bulkBytes ?? 1024 ** 3,
      lineBytes: limits.lineBytes ?? 64 * 1024,
      elements: limits.elements ?? 2 ** 24,
      depth: limits.depth ?? 32,
    };
  }

  /** Whether nothing is half read. */
  get idle(): boolean {
    return (
      this.#state === State.line &&
      this.#partial === undefined &&
      this.#stack.length === 0 &&
      this.#chunks === undefined
    );
  }

  /** Whether the body of a bulk string is on its way into the memory its destination gave. */
  get landing(): boolean {
    return this.#state === State.body && this.#own === undefined && this.#target !== null;
  }

  /** The rest of the memory that the next bytes belong to, when it is worth reading into. */
  space(): Uint8Array | undefined {
    if (this.#state !== State.body || this.#target === null) return undefined;
    if (this.#length - this.#filled < directBytes) return undefined;
    return this.#target.subarray(this.#filled, this.#length);
  }

  /** `count` bytes were read into what {@link space} named. */
  advance(count: number): void {
    this.#filled += count;
    if (this.#filled === this.#length) this.#state = State.cr;
  }

  /**
   * The next bytes. They may be reused as soon as this returns.
   *
   * @throws KeepwarmError `PROTOCOL` when they are no RESP or beyond a limit; from then on always.
   */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case State.line:
          at = this.#readLine(chunk, at);
          break;
        case State.body:
          at = this.#readBody(chunk, at);
          break;
        case State.cr:
          if (chunk[at++] !== cr) this.#fail("a bulk string does not end where it said");
          this.#state = State.lf;
          break;
        case State.lf:
          if (chunk[at++] !== lf) this.#fail("a bulk string does not end where it said");
          this.#state = State.line;
          this.#endBody();
          break;
        case State.broken:
          this.#fail("bytes after a protocol error");
      }
    }
  }

  #readLine(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(lf, at);
    const size = (end < 0 ? chunk.length : end) - at + (this.#partial?.length ?? 0);
    if (size > this.#limits.lineBytes) this.#fail(`a line of more than ${size - 1} bytes`);
    if (end < 0) {
      const rest = chunk.subarray(at);
      this.#partial = this.#partial ? Buffer.concat([this.#partial, rest]) : Buffer.from(rest);
      return chunk.length;
    }
    if (this.#partial) {
      const line = Buffer.concat([this.#partial, chunk.subarray(at, end)]);
      this.#partial = undefined;
      this.#line(line, 0, line.length);
    } else this.#line(chunk, at, end);
    return end + 1;
  }

  /** One line, from its type byte to before its LF. */
  #line(bytes: Buffer, start: number, beforeLf: number): void {
    const end = beforeLf - 1;
    if (end <= start || bytes[end] !== cr) this.#fail("a line that does not end in CR LF");
    const kind = bytes[start++];
    if (this.#chunks !== undefined && kind !== Type.chunk)
      this.#fail("a streamed string that breaks off");
    switch (kind) {
      case Type.simple:
        return this.#emit(bytes.toString("utf8", start, end));
      case Type.error:
        return this.#emit(new ReplyError(bytes.toString("utf8", start, end)));
      case Type.integer:
        return this.#emit(parseInteger(bytes, start, end) ?? this.#fail("an integer that is none"));
      case Type.bulk:
      case Type.bulkError:
      case Type.verbatim:
      case Type.chunk:
        return this.#beginBody(kind, bytes, start, end);
      case Type.array:
      case Type.map:
      case Type.set:
      case Type.push:
      case Type.attribute:
        return this.#beginAggregate(kind, bytes, start, end);
      case Type.null:
        return this.#emit(start === end ? null : this.#fail("a null with something in it"));
      case Type.boolean:
        return this.#emit(this.#boolean(bytes.toString("latin1", start, end)));
      case Type.double:
        return this.#emit(
          parseDouble(bytes.toString("latin1", start, end)) ?? this.#fail("a double that is none"),
        );
      case Type.bigNumber:
        return this.#emit(
          parseBigNumber(bytes.toString("latin1", start, end)) ??
            this.#fail("a big number that is none"),
        );
      case Type.end:
        return this.#endStream(start === end);
      default:
        this.#fail(`a reply of the unknown type ${JSON.stringify(String.fromCharCode(kind))}`);
    }
  }

  #boolean(text: string): boolean {
    if (text !== "t" && text !== "f") this.#fail("a boolean that is none");
    return text === "t";
  }

  #beginBody(kind: number, bytes: Buffer, start: number, end: number): void {
    if (kind === Type.chunk && this.#chunks === undefined) this.#fail("a chunk of no string");
    if (kind === Type.bulk && bytes[start] === question && end - start === 1) {
      this.#chunks = [];
      this.#chunked = 0;
      return;
    }
    const length = parseInteger(bytes, start, end);
    if (length === -1 && kind === Type.bulk) return this.#emit(null);
    if (typeof length !== "number" || length < 0) this.#fail("a bulk string of no length");
    if (length + this.#chunked > this.#limits.bulkBytes)
      this.#fail(`a bulk string of ${length} bytes`);
    if (kind === Type.chunk && length === 0) return this.#endChunks();
    this.#kind = kind;
    this.#length = length;
    this.#filled = 0;
    this.#state = length === 0 ? State.cr : State.body;
    const outermost = kind === Type.bulk && this.#stack.length === 0;
    const target = outermost ? this.#handler.destination(length) : undefined;
    this.#own = target === undefined ? allocate(length) : undefined;
    this.#target = target === undefined ? this.#own! : target;
  }

  #readBody(chunk: Buffer, at: number): number {
    const count = Math.min(chunk.length - at, this.#length - this.#filled);
    if (this.#target !== null) this.#target.set(chunk.subarray(at, at + count), this.#filled);
    this.advance(count);
    return at + count;
  }

  #endBody(): void {
    const own = this.#own;
    this.#own = undefined;
    this.#target = null;
    if (own === undefined) return this.#handler.landed(this.#length);
    switch (this.#kind) {
      case Type.bulkError:
        return this.#emit(new ReplyError(own.toString("utf8")));
      case Type.verbatim:
        if (own[3] !== colon) this.#fail("a verbatim string without its format");
        return this.#emit(own.toString("utf8", 4));
      case Type.chunk:
        this.#chunks!.push(own);
        this.#chunked += own.length;
        return;
      default:
        return this.#emit(own);
    }
  }

  #endChunks(): void {
    const whole = Buffer.concat(this.#chunks!);
    this.#chunks = undefined;
    this.#chunked = 0;
    this.#emit(whole);
  }

  #beginAggregate(kind: number, bytes: Buffer, start: number, end: number): void {
    const streamed = bytes[start] === question && end - start === 1;
    const count = streamed ? Infinity : parseInteger(bytes, start, end);
    if (count === -1 && kind === Type.array) return this.#emit(null);
    if (typeof count !== "number" || count < 0) this.#fail("an aggregate of no length");
    if (!streamed && count > this.#limits.elements) this.#fail(`an aggregate of ${count} elements`);
    if (this.#stack.length >= this.#limits.depth) this.#fail("aggregates nested too deeply");
    if (kind === Type.push && this.#stack.length > 0) this.#fail("a push inside a reply");
    const left = kind === Type.map || kind === Type.attribute ? 2 * count : count;
    const frame: Frame = { kind, left, items: [] };
    if (left === 0) return this.#close(frame);
    this.#stack.push(frame);
  }

  #endStream(wellFormed: boolean): void {
    const frame = this.#stack.pop();
    const whole = frame && (frame.kind !== Type.map || frame.items.length % 2 === 0);
    if (!wellFormed || !whole || frame.left !== Infinity) this.#fail("an end of no stream");
    this.#close(frame);
  }

  /** A value is complete: an element of the innermost open aggregate, or a reply. */
  #emit(value: Reply): void {
    const frame = this.#stack.at(-1);
    if (frame === undefined) return this.#handler.reply(value);
    frame.items.push(value);
    if (frame.items.length > this.#limits.elements * 2) this.#fail("an aggregate without end");
    if (--frame.left > 0) return;
    this.#stack.pop();
    this.#close(frame);
  }

  #close({ kind, items }: Frame): void {
    if (kind === Type.attribute) return;
    if (kind === Type.push) return this.#handler.push(items);
    if (kind === Type.set) return this.#emit(new Set(items));
    if (kind !== Type.map) return this.#emit(items);
    const map = new Map<Reply, Reply>();
    for (let i = 0; i < items.length; i += 2) map.set(mapKey(items[i]), items[i + 1]);
    this.#emit(map);
  }

  #fail(what: string): never {
    this.#state = State.broken;
    throw new KeepwarmError("PROTOCOL", `the server sent ${what}`, {
      remedy: "Check that the address is that of a RESP server (Keepwarm, Valkey, Redis).",
    });
  }
}

/** Bulk strings as keys of a map become text, since two Buffers are never the same key. */
function mapKey(key: Reply): Reply {
  return Buffer.isBuffer(key) ? key.toString("utf8") : key;
}

/** Memory that shares nothing with the pool of small Buffers once it is worth reading into. */
function allocate(length: number): Buffer {
  return length < directBytes ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
}
