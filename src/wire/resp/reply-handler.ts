import type { Reply } from "./reply.ts";

/** Who hears what a `ReplyDecoder` decodes. Its methods must not throw. */
export interface ReplyHandler {
  /** A whole reply has been decoded. */
  reply(reply: Reply): void;
  /** A message that answers no command (RESP3 push). */
  push(message: Reply[]): void;
  /**
   * A reply that is one bulk string of `length` bytes begins. Answer memory of at least that size
   * to have it land there, `null` to have it dropped, `undefined` to get a Buffer of its own.
   */
  destination(length: number): Uint8Array | null | undefined;
  /** The bulk string that `destination` gave memory for, or dropped, has passed. */
  landed(length: number): void;
}

/** Where a decoder gives up on a peer. */
export interface ReplyLimits {
  /** Longest bulk string, in bytes. Default 1 GiB. */
  readonly bulkBytes?: number;
  /** Longest line (simple strings, errors, numbers), in bytes. Default 64 KiB. */
  readonly lineBytes?: number;
  /** Most elements of one aggregate. Default 16,777,216. */
  readonly elements?: number;
  /** Deepest nesting of aggregates. Default 32. */
  readonly depth?: number;
}
