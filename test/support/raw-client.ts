import net from "node:net";
import tls from "node:tls";
import { inspect } from "node:util";
import { type Reply, ReplyError } from "../../src/wire/resp/reply.ts";
import { ReplyDecoder } from "../../src/wire/resp/reply-decoder.ts";
import { encodeRequest } from "../../src/wire/resp/request-encoder.ts";

const DEADLINE_MS = 5000;
const LF = 10;

export type Word = string | number | Uint8Array;

/** A {@link Reply} with its bulk strings as text. */
export type TextReply =
  | string
  | number
  | bigint
  | boolean
  | null
  | ReplyError
  | TextReply[]
  | Map<TextReply, TextReply>
  | Set<TextReply>;

/**
 * A socket that speaks RESP and does nothing by itself: no handshake, no reconnecting. What arrives is
 * read either as decoded replies or as bytes, in any order. Each wait fails after 5 s of silence, or
 * when the server closes the connection first.
 */
export class RawClient {
  readonly socket: net.Socket;
  readonly #chunks: Buffer[] = [];
  readonly #replies: Reply[] = [];
  readonly #decoder: ReplyDecoder;
  #closed = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    this.#decoder = new ReplyDecoder({
      reply: (reply) => this.#replies.push(reply),
      push: (message) => this.#replies.push(message),
      destination: () => undefined,
      landed: () => {},
    });
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    socket.on("error", (error) => (this.#failure = error));
    socket.on("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** Connects to a port of this machine, over TLS when `options` are given for it. */
  static async connect(port: number, options?: tls.ConnectionOptions): Promise<RawClient> {
    const to = { port, host: "127.0.0.1", noDelay: true };
    const socket = options === undefined ? net.connect(to) : tls.connect({ ...options, ...to });
    await new Promise<void>((resolve, reject) => {
      socket.once(options === undefined ? "connect" : "secureConnect", resolve);
      socket.once("error", reject);
    });
    return new RawClient(socket);
  }

  /** Sends one command. */
  send(...words: Word[]): void {
    const args = words.map((word) => (typeof word === "number" ? String(word) : word));
    this.raw(Buffer.concat(encodeRequest(args)));
  }

  /** Sends these bytes as they are. */
  raw(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** The next whole reply. */
  async reply(): Promise<Reply> {
    for (;;) {
      if (this.#replies.length > 0) return this.#replies.shift()!;
      const chunk = this.#chunks.shift();
      if (chunk === undefined) await this.#more("a reply");
      else {
        // No reply ends elsewhere than at a line's end: so nothing is decoded beyond the one wanted.
        const end = chunk.indexOf(LF) + 1;
        if (end > 0 && end < chunk.length) this.#chunks.unshift(chunk.subarray(end));
        this.#decoder.write(end > 0 ? chunk.subarray(0, end) : chunk);
      }
    }
  }

  /** The next `count` bytes, whatever they mean. */
  async bytes(count: number): Promise<Buffer> {
    while (this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0) < count)
      await this.#more(`${count} bytes`);
    const all = Buffer.concat(this.#chunks.splice(0));
    if (all.length > count) this.#chunks.push(all.subarray(count));
    return all.subarray(0, count);
  }

  /** Sends a command; its reply, bulk strings as text. */
  async ask(...words: Word[]): Promise<TextReply> {
    this.send(...words);
    return asText(await this.reply());
  }

  /** Sends a command that must fail; the error's line. */
  async refusal(...words: Word[]): Promise<string> {
    const reply = await this.ask(...words);
    if (reply instanceof ReplyError) return reply.message;
    throw new Error(`${inspect(words)} was not refused but answered ${inspect(reply)}`);
  }

  /** Sends a command, if one is given, and requires exactly these bytes in answer. */
  async exact(expected: string, ...words: Word[]): Promise<void> {
    if (words.length > 0) this.send(...words);
    const received = (await this.bytes(Buffer.byteLength(expected))).toString();
    if (received !== expected)
      throw new Error(
        `${inspect(words)} got ${JSON.stringify(received)}, not ${JSON.stringify(expected)}`,
      );
  }

  /** Resolves once the server has closed the connection; whatever arrived before is left to read. */
  async ended(): Promise<void> {
    while (!this.#closed) await this.#more("the end of the connection", true);
  }

  close(): void {
    this.socket.destroy();
  }

  async #more(what: string, mayClose = false): Promise<void> {
    if (this.#closed && !mayClose)
      throw new Error(`the connection closed before ${what} came`, { cause: this.#failure });
    await new Promise<void>((resolve, reject) => {
      const late = (): void => reject(new Error(`${what} did not come in time`));
      const timeout = setTimeout(late, DEADLINE_MS);
      this.#wake = () => {
        clearTimeout(timeout);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

/** Makes text of the bulk strings in a reply. */
export function asText(reply: Reply): TextReply {
  if (Buffer.isBuffer(reply)) return reply.toString();
  if (Array.isArray(reply)) return reply.map(asText);
  if (reply instanceof Set) return new Set([...reply].map(asText));
  if (reply instanceof Map)
    return new Map([...reply].map(([key, value]) => [asText(key), asText(value)]));
  return reply;
}

/** A flat list of names and values, RESP2's form of a map, as an object. */
export function pairs(reply: TextReply): Record<string, TextReply> {
  const words = reply as TextReply[];
  const found: Record<string, TextReply> = {};
  for (let i = 0; i < words.length; i += 2) found[words[i] as string] = words[i + 1];
  return found;
}
