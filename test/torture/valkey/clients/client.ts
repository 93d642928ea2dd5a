/** A client under torture. A call that fails rejects, or says that nothing came of it. */
export interface TortureClient {
  /** Whether the block was stored. */
  put(key: string, value: Buffer): Promise<boolean>;
  /** Shows the block to `look`, if it is there. */
  get(key: string, look: (value: Uint8Array) => void): Promise<boolean>;
  /** How many of the keys are there. */
  has(keys: readonly string[]): Promise<number>;
  /** Ends all connections; need not wait for calls. */
  close(): void | Promise<void>;
}

/** How a client is made. */
interface ConnectOptions {
  /** `redis://`, `redis-sentinel://` or `redis-cluster://`. */
  readonly url: string;
  /** Milliseconds that a call may take, where the client can be told. */
  readonly deadlineMs: number;
}

export type Connect = (options: ConnectOptions) => Promise<TortureClient>;
