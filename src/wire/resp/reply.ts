/** An error reply: a value like the others, since one failed command fails no other. */
export class ReplyError {
  /** The first word, such as `"WRONGTYPE"` or `"NOAUTH"`. */
  readonly code: string;
  /** The whole line, code included. */
  readonly message: string;

  constructor(message: string) {
    this.message = message;
    this.code = message.split(" ", 1)[0];
  }
}

/**
 * What a server answered. Simple and verbatim strings are strings, bulk strings are Buffers, both
 * kinds of null are `null`; integers beyond 2^53 and big numbers are bigints.
 */
export type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | Buffer
  | ReplyError
  | Reply[]
  | Map<Reply, Reply>
  | Set<Reply>;

/** The text of a simple or bulk string; nothing for other replies. */
export function replyText(reply: Reply | undefined): string | undefined {
  if (typeof reply === "string") return reply;
  return Buffer.isBuffer(reply) ? reply.toString("utf8") : undefined;
}
