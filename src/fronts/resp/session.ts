import type { ReplyWriter } from "../../wire/resp/reply-writer.ts";
import type { RespConnection } from "./connection.ts";
import type { FrontState } from "./front-state.ts";
import type { Transaction } from "./transaction.ts";
import type { User } from "./users.ts";

/** What the server knows about one client: the state that its commands read and change. */
export class Session {
  readonly id: number;
  readonly front: FrontState;
  readonly connection: RespConnection;
  /** Where replies go during a command. */
  readonly reply: ReplyWriter;
  readonly connectedAt: number;
  name = "";
  library = "";
  libraryVersion = "";
  /** What SELECT chose: the keyspace of the client's keys. */
  keyspace = 0;
  protocol: 2 | 3 = 2;
  /** `undefined` until authenticated. */
  user: User | undefined;
  transaction: Transaction | undefined;
  lastCommand = "";
  lastActiveAt: number;
  commands = 0;
  /** Length of an argument of the request under way that was too long to keep, or 0. */
  tooLongBytes = 0;
  /** A command changed what is stored since this was last set to false. */
  wrote = false;
  noEvict = false;
  noTouch = false;
  monitoring = false;

  constructor(id: number, front: FrontState, connection: RespConnection, user: User | undefined) {
    this.id = id;
    this.front = front;
    this.connection = connection;
    this.reply = front.reply;
    this.user = user;
    this.connectedAt = front.now();
    this.lastActiveAt = this.connectedAt;
  }

  /** Back to how it was after connecting (RESET). */
  reset(): void {
    this.front.monitors.delete(this);
    this.monitoring = false;
    this.transaction?.discard();
    this.transaction = undefined;
    this.keyspace = 0;
    this.protocol = 2;
    this.name = "";
    this.user = this.front.users.default.needsPassword ? undefined : this.front.users.default;
  }
}
