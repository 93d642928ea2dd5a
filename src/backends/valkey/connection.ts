import type { Socket } from "node:net";
import { KeepwarmError } from "../../errors.ts";
import { ReplyDecoder } from "../../wire/resp/reply-decoder.ts";
import { ReplyError, type Reply } from "../../wire/resp/reply.ts";
import { encodeRequest, type Argument } from "../../wire/resp/request-encoder.ts";
import { Deadlines } from "./deadlines.ts";
import { Outbox } from "./outbox.ts";
import { openReadSocket, type TlsOptions } from "./read-socket.ts";
import { replyFailure } from "./reply-failure.ts";
import type { RespAddress } from "./url.ts";
import { placeFor, tooLong, type Place, type Waiting } from "./waiting.ts";

/** How long one call may take. */
export interface CallOptions {
  /**
   * Milliseconds until the call fails with `TIMEOUT`; default that of the connection. Replies come
   * in order and others wait behind this one, so a deadline that passes breaks the connection.
   */
  readonly deadlineMs?: number;
  /** Gives the call up with the signal's reason. The connection breaks only if it is in mid-value. */
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectionOptions {
  /** Default deadline of each call, in milliseconds. */
  readonly deadlineMs: number;
  readonly tls?: TlsOptions | undefined;
  /** Hears RESP3 push messages. Default: they are dropped. */
  readonly onPush?: ((message: Reply[]) => void) | undefined;
  /** Hears that bytes came, whatever they were. */
  readonly onRead?: (() => void) | undefined;
  /** Hears once that the connection broke or was closed, and why. */
  readonly onEnd?: ((reason: KeepwarmError) => void) | undefined;
}

/**
 * One connection to a RESP server with any number of calls in flight, answered in order. Values
 * are read into the caller's memory and written from it. Whatever breaks the connection rejects
 * every waiting call; a broken connection is not mended but replaced.
 */
export class RespConnection {
  /** The server's URL without its password. */
  readonly label: string;
  readonly #deadlineMs: number;
  readonly #onEnd: ((reason: KeepwarmError) => void) | undefined;
  readonly #decoder: ReplyDecoder;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #deadlines = new Deadlines((now) => this.#expire(now));
  /** Calls in order; those before `#head` are answered. */
  #calls: Waiting[] = [];
  #head = 0;
  #broken: KeepwarmError | undefined;
  #drained: (() => void) | undefined;

  /** @internal Use `connectResp`. */
  constructor(address: RespAddress, options: ConnectionOptions) {
    this.label = address.label;
    this.#deadlineMs = options.deadlineMs;
    this.#onEnd = options.onEnd;
    this.#decoder = new ReplyDecoder({
      reply: (reply) => this.#answered()?.settle(reply),
      push: (message) => options.onPush?.(message),
      destination: (length) => this.#destination(length),
      landed: (length) => this.#answered()?.landed(length),
    });
    this.#socket = openReadSocket(address, options.tls ?? {}, this.#decoder, {
      received: options.onRead ?? (() => {}),
      failed: (error) => this.#break(error as KeepwarmError),
    });
    this.#outbox = new Outbox(this.#socket);
    this.#socket.on("error", (error) => this.#break(this.#lost(error.message, error)));
    this.#socket.on("close", () => this.#break(this.#lost("the server closed the connection")));
  }

  /** Calls in flight. */
  get pending(): number {
    return this.#calls.length - this.#head;
  }

  /** Whether calls can still be made. */
  get usable(): boolean {
    return this.#broken === undefined && this.#drained === undefined;
  }

  /**
   * Sends one command and returns its reply. Errors inside aggregates stay where they are.
   *
   * @throws KeepwarmError `REPLY` for an error reply, `TIMEOUT`, `CONNECTION_FAILED`, `PROTOCOL`,
   *   `CLOSED`
   */
  command(args: readonly Argument[], options: CallOptions = {}): Promise<Reply> {
    return this.#call(args, {}, (reply) => reply, tooLong, options);
  }

  /** Sends a command that has no reply of its own, such as SUBSCRIBE in RESP3. */
  tell(args: readonly Argument[]): void {
    if (this.usable) this.#outbox.add(encodeRequest(args));
  }

  /**
   * Reads the value of `key` into `memory`, without a copy in between.
   *
   * @returns Bytes read, or nothing when there is no such key.
   * @throws As {@link command}, and `INPUT_INVALID` when the value is longer than `memory`.
   */
  getInto(
    key: string | Uint8Array,
    memory: Uint8Array,
    options: CallOptions = {},
  ): Promise<number | undefined> {
    const toLength = (reply: Reply) => {
      if (reply === null) return undefined;
      throw new KeepwarmError("PROTOCOL", `${this.label} answered GET with no bulk string`);
    };
    return this.#call(["GET", key], { into: memory }, toLength, tooLong, options);
  }

  /**
   * Reads the value of `key` into memory that `place` names once the length is known. A value that
   * it does not want, or gives too little memory, is read and dropped.
   *
   * @returns Bytes read, `"absent"` when there is no such key, `"refused"` when it was dropped.
   * @throws As {@link command}
   */
  getTo(
    key: string | Uint8Array,
    place: Place,
    options: CallOptions = {},
  ): Promise<number | "absent" | "refused"> {
    const toAbsent = (reply: Reply): number | "absent" | "refused" => {
      if (reply === null) return "absent";
      throw new KeepwarmError("PROTOCOL", `${this.label} answered GET with no bulk string`);
    };
    return this.#call(["GET", key], { place }, toAbsent, () => "refused", options);
  }

  /**
   * Stores `parts`, one after the other, as the value of `key`. They are sent from where they lie
   * and must not change before the promise settles.
   *
   * @param options.ttlMs Milliseconds until the value expires. Default never.
   * @throws As {@link command}
   */
  async set(
    key: string | Uint8Array,
    parts: Uint8Array | readonly Uint8Array[],
    options: CallOptions & { readonly ttlMs?: number } = {},
  ): Promise<void> {
    const expiry = options.ttlMs === undefined ? [] : ["PX", String(options.ttlMs)];
    await this.command(["SET", key, parts, ...expiry], options);
  }

  /** Waits for the calls in flight, then closes. New calls fail with `CLOSED`. */
  async close(): Promise<void> {
    if (this.#drained === undefined && this.pending > 0)
      await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#break(new KeepwarmError("CLOSED", `the connection to ${this.label} is closed`));
  }

  /** Breaks the connection: every waiting call fails with `reason` at once. */
  abandon(reason: KeepwarmError): void {
    this.#break(reason);
  }

  #call<T>(
    args: readonly Argument[],
    destination: { readonly into?: Uint8Array; readonly place?: Place },
    convert: (reply: Reply) => T,
    dropped: (length: number, room: number) => T,
    options: CallOptions,
  ): Promise<T> {
    const { deadlineMs = this.#deadlineMs, signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    if (!this.usable)
      return Promise.reject(
        this.#broken ?? new KeepwarmError("CLOSED", `the connection to ${this.label} is closing`),
      );
    return new Promise<T>((resolve, reject) => {
      const giveUp = () => this.#giveUp(waiting, signal?.reason);
      const waiting: Waiting = {
        due: performance.now() + deadlineMs,
        into: destination.into,
        place: destination.place,
        settle: (reply) => {
          signal?.removeEventListener("abort", giveUp);
          if (reply instanceof ReplyError) return reject(replyFailure(reply, this.label));
          try {
            resolve(convert(reply));
          } catch (error) {
            reject(error);
          }
        },
        landed: (length) => {
          signal?.removeEventListener("abort", giveUp);
          const room = (waiting.into ?? destination.into)?.length ?? 0;
          if (waiting.into && length <= room) return resolve(length as T);
          try {
            resolve(dropped(length, room));
          } catch (error) {
            reject(error);
          }
        },
        reject: (error) => {
          signal?.removeEventListener("abort", giveUp);
          reject(error);
        },
      };
      signal?.addEventListener("abort", giveUp);
      this.#calls.push(waiting);
      this.#deadlines.add(waiting.due);
      this.#outbox.add(encodeRequest(args));
    });
  }

  /** The oldest call, which has its reply now. */
  #answered(): Waiting | undefined {
    const waiting = this.#calls[this.#head];
    if (waiting === undefined) {
      this.#break(new KeepwarmError("PROTOCOL", `${this.label} answered what nobody asked`));
      return undefined;
    }
    if (++this.#head === this.#calls.length) {
      this.#calls = [];
      this.#head = 0;
      this.#drained?.();
    } else if (this.#head === 1024) {
      this.#calls = this.#calls.slice(this.#head);
      this.#head = 0;
    }
    return waiting;
  }

  #destination(length: number): Uint8Array | null | undefined {
    const waiting = this.#calls[this.#head];
    if (waiting?.place) waiting.into = placeFor(waiting, waiting.place, length);
    const into = waiting?.into;
    return into && length > into.length ? null : into;
  }

  #giveUp(waiting: Waiting, reason: unknown): void {
    waiting.reject(reason);
    const landing = this.#calls[this.#head] === waiting && this.#decoder.landing;
    if (landing || this.#outbox.waiting)
      this.#break(this.#lost("a call was given up in the middle of its value"));
    else {
      waiting.into = null;
      waiting.place = undefined;
    }
  }

  #expire(now: number): number {
    const open = this.#calls.slice(this.#head);
    const overdue = open.filter((waiting) => waiting.due <= now);
    if (overdue.length === 0)
      return open.reduce((next, waiting) => Math.min(next, waiting.due), Infinity);
    for (const waiting of overdue)
      waiting.reject(
        new KeepwarmError("TIMEOUT", `${this.label} did not answer in time`, {
          remedy: "Check that the server is alive, or allow more time with a longer deadline.",
        }),
      );
    this.#break(this.#lost("a call before this one was not answered in time"));
    return Infinity;
  }

  #break(error: KeepwarmError): void {
    if (this.#broken) return;
    this.#broken = error;
    const open = this.#calls.slice(this.#head);
    this.#calls = [];
    this.#head = 0;
    this.#outbox.clear();
    this.#deadlines.clear();
    this.#socket.destroy();
    for (const waiting of open) waiting.reject(error);
    this.#drained?.();
    this.#onEnd?.(error);
  }

  #lost(what: string, cause?: unknown): KeepwarmError {
    return new KeepwarmError("CONNECTION_FAILED", `${this.label}: ${what}`, {
      cause,
      remedy: isCertificateError(cause)
        ? "Name the authority of the server's certificate (--tls-ca, or the option tls.ca)."
        : "Check that the server runs there: `keepwarm serve` starts one.",
    });
  }
}

function isCertificateError(error: unknown): boolean {
  const code = String((error as NodeJS.ErrnoException | undefined)?.code);
  return /CERT|UNABLE_TO_VERIFY/.test(code);
}
