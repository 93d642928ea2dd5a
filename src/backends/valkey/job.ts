import type { RespConnection } from "./connection.ts";

/** A call that waits for a connection. */
export interface Job {
  /** Milliseconds of `performance.now()`. */
  readonly due: number;
  /** Bytes of a block that it writes; 0 for other calls. */
  readonly bytes: number;
  /** Begins it; settles with its end and never rejects. */
  start(connection: RespConnection): Promise<void>;
  reject(error: unknown): void;
}
