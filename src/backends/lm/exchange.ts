import type { ReplyHeader } from "../../wire/lm/reply-decoder.ts";

/** What is sent, and what is done with the replies to it. */
export interface Exchange {
  /** Sent in one go, from where it lies. */
  readonly pieces: readonly Uint8Array[];
  /** Called before it is sent, each time: it may be sent again when a connection broke. */
  readonly begin?: () => void;
  /** How many replies come. */
  readonly replies: number;
  /** Memory for the value of a reply; `undefined` drops it. Default: all are dropped. */
  readonly place?: (header: ReplyHeader) => Uint8Array | undefined;
  /** Called for each reply in order. */
  readonly reply: (header: ReplyHeader, value: Uint8Array | undefined) => void;
}
