import { KeepwarmError } from "../../errors.ts";
import type { Reply } from "../../wire/resp/reply.ts";

/** Memory for a value of `length` bytes, at least as long; nothing when the value is not wanted. */
export type Place = (length: number) => Uint8Array | undefined;

/** A call whose reply has not come. */
export interface Waiting {
  /** Milliseconds of `performance.now()`. */
  readonly due: number;
  /** Where a bulk reply shall land; `null` drops it; `undefined` makes a Buffer of it. */
  into: Uint8Array | null | undefined;
  /** Chooses `into` when the length is known. */
  place: Place | undefined;
  settle(reply: Reply): void;
  /** A bulk reply of `length` bytes landed in `into`, or was dropped. */
  landed(length: number): void;
  reject(error: unknown): void;
}

/** A caller's mistake in `place` is that call's failure, not the connection's. */
export function placeFor(waiting: Waiting, place: Place, length: number): Uint8Array | null {
  try {
    return place(length) ?? null;
  } catch (error) {
    waiting.reject(error);
    return null;
  }
}

/** Fails a call whose value does not fit in `room` bytes. */
export function tooLong(length: number, room: number): never {
  throw new KeepwarmError("INPUT_INVALID", `a value of ${length} bytes does not fit in ${room}`, {
    remedy: "Give more memory, or read it with command() into a Buffer of its own.",
  });
}
