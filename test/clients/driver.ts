/** Anything a client sends as one argument. */
export type Arg = string | Buffer;

/** A reply as the client's own decoder returned it; errors inside of batches are values. */
export type Reply =
  string | number | bigint | boolean | null | Buffer | Error | Reply[] | { [field: string]: Reply };

/** One connection of a real client library, through the library's own typed calls. */
export interface Client {
  set(key: Arg, value: Arg): Promise<void>;
  get(key: Arg): Promise<string | null>;
  getBuffer(key: Arg): Promise<Buffer | null>;
  del(...keys: Arg[]): Promise<number>;
  exists(...keys: Arg[]): Promise<number>;
  mget(...keys: Arg[]): Promise<(Buffer | null)[]>;
  mset(entries: readonly [Arg, Arg][]): Promise<void>;
  /** Sends all commands before reading a reply; bulk strings come back as Buffers. */
  pipeline(commands: readonly Arg[][]): Promise<Reply[]>;
  /** MULTI, the commands, EXEC; `null` when a watched key changed. */
  multi(commands: readonly Arg[][]): Promise<Reply[] | null>;
  watch(...keys: Arg[]): Promise<void>;
  /** Every key that matches, by the library's iterator where it has one; may repeat keys. */
  scanAll(match: string, count: number): Promise<string[]>;
  /** One raw command; rejects with the server's error. */
  call(...command: Arg[]): Promise<Reply>;
  close(): Promise<void>;
}

/** A client library in one of its protocol versions. */
export interface ClientDriver {
  readonly name: string;
  connect(url: string): Promise<Client>;
}

/** The reply with Buffers as text and errors as their message, to compare it with literals. */
export function text(reply: Reply): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString("utf8");
  if (reply instanceof Error) return `ERROR ${reply.message}`;
  if (Array.isArray(reply)) return reply.map(text);
  if (typeof reply === "object" && reply !== null)
    return Object.fromEntries(Object.entries(reply).map(([field, value]) => [field, text(value)]));
  return reply;
}
