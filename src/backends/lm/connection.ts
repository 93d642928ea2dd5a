import { type Socket, connect } from "node:net";
import { KeepwarmError } from "../../errors.ts";
import { ReplyDecoder, type ReplyHeader, type ReplyReceiver } from "../../wire/lm/reply-decoder.ts";
import type { Exchange } from "./exchange.ts";
import type { LmAddress } from "./url.ts";

/**
 * One connection to an lm server with one exchange at a time, as LMCache's own client has it. A
 * connection that breaks is not mended but replaced.
 */
export class LmConnection implements ReplyReceiver {
  readonly #label: string;
  readonly #decoder = new ReplyDecoder(this);
  readonly #socket: Socket;
  readonly #onBreak: (error: KeepwarmError) => void;
  #exchange: Exchange | undefined;
  #left = 0;
  #resolve: (() => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #broken: KeepwarmError | undefined;
  /** When bytes came last, in ms of `performance.now()`. */
  lastReadAt = 0;

  private constructor(address: LmAddress, onBreak: (error: KeepwarmError) => void) {
    this.#label = address.label;
    this.#onBreak = onBreak;
    this.#socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: () => this.#decoder.target(),
        callback: (count) => this.#advance(count),
      },
    });
    this.#socket.on("error", (error) => this.break(this.#lost(error.message, error)));
    this.#socket.on("close", () => this.break(this.#lost("the server closed the connection")));
  }

  /**
   * @param onBreak Hears once why the connection ended, if it was up.
   * @throws KeepwarmError `CONNECTION_FAILED`, `TIMEOUT`
   */
  static async open(
    address: LmAddress,
    deadlineMs: number,
    onBreak: (error: KeepwarmError) => void,
  ): Promise<LmConnection> {
    let up = false;
    const connection = new LmConnection(address, (error) => {
      if (up) onBreak(error);
    });
    const socket = connection.#socket;
    const timer = setTimeout(() => {
      const error = new KeepwarmError("TIMEOUT", `${address.label} did not answer in time`, {
        remedy: "Check that the server is alive.",
      });
      connection.break(error);
    }, deadlineMs);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("close", () => reject(connection.#broken));
      });
    } finally {
      clearTimeout(timer);
    }
    up = true;
    return connection;
  }

  get usable(): boolean {
    return this.#broken === undefined;
  }

  /** Whether an exchange is under way. */
  get busy(): boolean {
    return this.#exchange !== undefined;
  }

  /** Sends an exchange and resolves when all its replies have come. One at a time. */
  run(exchange: Exchange): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (this.busy) throw new TypeError("one exchange at a time");
    return new Promise((resolve, reject) => {
      this.#exchange = exchange;
      this.#left = exchange.replies;
      this.#resolve = resolve;
      this.#reject = reject;
      exchange.begin?.();
      this.#socket.cork();
      for (const piece of exchange.pieces) if (piece.length > 0) this.#socket.write(piece);
      this.#socket.uncork();
    });
  }

  /** Ends the connection; the exchange under way fails with `error`. */
  break(error: KeepwarmError): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    this.#socket.destroy();
    const reject = this.#reject;
    this.#end();
    reject?.(error);
    this.#onBreak(error);
  }

  // ReplyReceiver

  get expectsReply(): boolean {
    return this.#exchange !== undefined;
  }

  place(header: ReplyHeader): Uint8Array | undefined {
    return this.#exchange?.place?.(header);
  }

  reply(header: ReplyHeader, value: Uint8Array | undefined): void {
    this.#exchange?.reply(header, value);
    if (--this.#left > 0) return;
    const resolve = this.#resolve;
    this.#end();
    resolve?.();
  }

  #advance(count: number): boolean {
    this.lastReadAt = performance.now();
    if (this.#broken !== undefined) return true;
    try {
      this.#decoder.advance(count);
    } catch (error) {
      this.break(
        new KeepwarmError("PROTOCOL", `${this.#label}: ${(error as Error).message}`, {
          cause: error,
          remedy: "Is that an lm server? `lmcache server`, with a space, is another program.",
        }),
      );
    }
    return true;
  }

  #end(): void {
    this.#exchange = this.#resolve = this.#reject = undefined;
  }

  #lost(what: string, cause?: unknown): KeepwarmError {
    return new KeepwarmError("CONNECTION_FAILED", `${this.#label}: ${what}`, {
      cause,
      remedy: "Check that the server runs there: `keepwarm serve --lm-port 65432` starts one.",
    });
  }
}
