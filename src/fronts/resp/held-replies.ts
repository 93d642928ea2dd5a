import type { Reference, ReplyWriter } from "../../wire/resp/reply-writer.ts";

const NOT_DURABLE =
  "ERR the value is in memory but could not be made durable: see KW.STATS and the server's log";

/** Where a reply lies among others: bytes and references before it, and up to its end. */
export interface ReplyPlace {
  readonly from: number;
  readonly fromReference: number;
  readonly to: number;
  readonly toReference: number;
}

/** A turn's replies that wait until the writes among them are durable. */
export class HeldReplies {
  readonly #bytes: Buffer;
  readonly #references: Reference[];
  readonly #writes: readonly ReplyPlace[];

  /** Takes all replies out of `reply`; `writes` are those of commands that changed something. */
  constructor(reply: ReplyWriter, writes: readonly ReplyPlace[]) {
    this.#bytes = Buffer.from(reply.buffer.subarray(0, reply.length));
    this.#references = [...reply.references];
    this.#writes = writes;
    reply.reset();
  }

  /** Puts the replies back, those of writes as errors if they were lost. */
  restore(reply: ReplyWriter, lost: boolean, release: (token: number) => void): void {
    let at = 0;
    let reference = 0;
    const copyUpTo = (to: number, toReference: number): void => {
      for (; reference < toReference; reference++) {
        const next = this.#references[reference];
        reply.raw(this.#bytes, at, next.at);
        at = next.at;
        reply.reference(next.frame, next.token);
      }
      reply.raw(this.#bytes, at, to);
      at = to;
    };
    if (lost)
      for (const { from, fromReference, to, toReference } of this.#writes) {
        copyUpTo(from, fromReference);
        reply.error(NOT_DURABLE);
        for (; reference < toReference; reference++) release(this.#references[reference].token);
        at = to;
      }
    copyUpTo(this.#bytes.length, this.#references.length);
  }

  /** Nobody will read them. */
  release(release: (token: number) => void): void {
    for (const { token } of this.#references) release(token);
  }
}
