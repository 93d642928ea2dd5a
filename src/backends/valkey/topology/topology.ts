import type { ReplyError } from "../../../wire/resp/reply.ts";
import type { ValkeyNode } from "../node.ts";

/** Where a call goes on. */
export interface Route {
  readonly node: ValkeyNode;
  /** ASKING goes before it: the slot is on its way there. */
  readonly asking: boolean;
}

/** Which server holds which key, now. */
export interface Topology {
  /** The server that holds `key`; nothing while nobody knows. */
  route(key: Uint8Array): ValkeyNode | undefined;
  /** All servers that hold keys. */
  nodes(): readonly ValkeyNode[];
  /** Waits until servers are known, until finding them has failed once, or until `due`. */
  ready(due: number): Promise<void>;
  /** Where a call goes on that `from` answered with this error; nothing when the error stands. */
  redirect(reply: ReplyError, from: ValkeyNode, due: number): Promise<Route | undefined>;
  /** Why servers are not known, for messages. */
  readonly lastError: string | undefined;
  close(): Promise<void>;
}
