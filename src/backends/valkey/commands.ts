import { isKeepwarmError, KeepwarmError } from "../../errors.ts";
import { ReplyError, type Reply } from "../../wire/resp/reply.ts";
import type { Argument } from "../../wire/resp/request-encoder.ts";
import type { CallOptions, RespConnection } from "./connection.ts";
import type { ValkeyNode } from "./node.ts";
import { replyFailure, replyOf } from "./reply-failure.ts";
import type { Topology } from "./topology/topology.ts";

/** How long a call may take, whatever it has to wait for. */
export interface Call {
  /** Milliseconds of `performance.now()`. */
  readonly due: number;
  readonly signal: AbortSignal | undefined;
}

/** A call's turn on a connection. */
export interface Turn {
  readonly connection: RespConnection;
  readonly options: CallOptions;
  /** Tells the length of the value that was moved. */
  moved(bytes: number): void;
  /** To be called before each command: a slot that is on its way needs ASKING. */
  prepare(): void;
}

/** A small command on one key. */
export interface Lookup {
  readonly name: Buffer;
  readonly args: readonly Argument[];
}

/** Redirections that one call follows. */
const longestWay = 5;

/** Times that a call is made again: connections seldom break one by one. */
const mostRepeats = 3;

/**
 * Commands on the servers that hold their keys. Redirections are followed, and what may be repeated
 * is repeated when its connection broke.
 */
export class Commands {
  readonly #topology: Topology;
  #redirected = 0;
  #retried = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  /** Redirections followed. */
  get redirected(): number {
    return this.#redirected;
  }

  /** Calls made again since their connection broke. */
  get retried(): number {
    return this.#retried;
  }

  /**
   * A call that carries a value; it may be made again.
   *
   * @param bytes Bytes of a block that it writes.
   */
  value<T>(name: Buffer, call: Call, bytes: number, make: (turn: Turn) => Promise<T>): Promise<T> {
    return this.#follow(name, call, true, (node, asking) =>
      node.value({ ...call, bytes }, (connection, deadlineMs) =>
        make(turnOn(node, connection, deadlineMs, call, asking)),
      ),
    );
  }

  /**
   * Small commands, all in one round trip to each server. A reply stands at the index of its
   * command; what failed is an error there.
   *
   * @param repeatable Whether to make them again when a connection broke.
   * @throws The signal's reason, nothing else.
   */
  async lookups(
    lookups: readonly Lookup[],
    call: Call,
    repeatable: boolean,
  ): Promise<(Reply | KeepwarmError)[]> {
    const answers = Array.from<Reply | KeepwarmError>({ length: lookups.length });
    const byNode = new Map<ValkeyNode | undefined, number[]>();
    for (const [index, { name }] of lookups.entries()) {
      const node = this.#topology.route(name);
      const group = byNode.get(node);
      if (group === undefined) byNode.set(node, [index]);
      else group.push(index);
    }
    await Promise.all(
      [...byNode].map(async ([node, indexes]) => {
        const some = indexes.map((index) => lookups[index]);
        const replies = node && (await this.#pipeline(node, some, call));
        await Promise.all(
          indexes.map(async (index, at) => {
            const reply = replies === undefined ? this.#unknown() : replies[at];
            answers[index] =
              reply instanceof KeepwarmError
                ? await this.#mend(lookups[index], reply, node, call, repeatable)
                : reply;
          }),
        );
      }),
    );
    call.signal?.throwIfAborted();
    return answers;
  }

  /** One small command on a node of the caller's choice. */
  ask(node: ValkeyNode, args: readonly Argument[], call: Call): Promise<Reply> {
    return node.lookup(call, (connection, deadlineMs) =>
      connection.command(args, { deadlineMs, signal: call.signal }),
    );
  }

  async #pipeline(
    node: ValkeyNode,
    lookups: readonly Lookup[],
    call: Call,
  ): Promise<(Reply | KeepwarmError)[]> {
    try {
      return await node.lookup(call, async (connection, deadlineMs) => {
        const options = { deadlineMs, signal: call.signal };
        const replies = await Promise.allSettled(
          lookups.map(({ args }) => connection.command(args, options)),
        );
        const lost = replies.find(isLost);
        if (lost !== undefined) throw lost.reason;
        return replies.map((reply) =>
          reply.status === "fulfilled" ? reply.value : asFailure(reply.reason),
        );
      });
    } catch (error) {
      return lookups.map(() => asFailure(error));
    }
  }

  /** What becomes of a lookup that failed in its pipeline. */
  async #mend(
    { name, args }: Lookup,
    failure: KeepwarmError,
    from: ValkeyNode | undefined,
    call: Call,
    repeatable: boolean,
  ): Promise<Reply | KeepwarmError> {
    const reply = replyOf(failure);
    const redirected = reply !== undefined && isRedirection(reply);
    const lost = repeatable && from !== undefined && isLoss(failure);
    if (!redirected && !lost) return failure;
    try {
      return await this.#follow(name, call, repeatable, (node, asking) =>
        node.lookup(call, (connection, deadlineMs) => {
          const turn = turnOn(node, connection, deadlineMs, call, asking);
          turn.prepare();
          return connection.command(args, turn.options);
        }),
      );
    } catch (error) {
      return asFailure(error);
    }
  }

  /** Makes a call where its key lives, and again where the answer points to. */
  async #follow<T>(
    name: Buffer,
    call: Call,
    repeatable: boolean,
    make: (node: ValkeyNode, asking: boolean) => Promise<T>,
  ): Promise<T> {
    let node = this.#topology.route(name);
    let asking = false;
    let repeats = repeatable ? mostRepeats : 0;
    for (let way = 0; ; way++) {
      if (node === undefined) throw this.#unknown();
      try {
        return await make(node, asking);
      } catch (error) {
        const reply = replyOf(error);
        if (reply !== undefined) {
          const route = await this.#topology.redirect(reply, node, call.due);
          if (route === undefined || way === longestWay) throw error;
          this.#redirected++;
          ({ node, asking } = route);
        } else {
          if (repeats-- <= 0 || !isLoss(error) || performance.now() >= call.due) throw error;
          this.#retried++;
          node = this.#topology.route(name);
          asking = false;
        }
      }
    }
  }

  #unknown(): KeepwarmError {
    const why = this.#topology.lastError;
    return new KeepwarmError(
      "CONNECTION_FAILED",
      `no server is known for the key${why === undefined ? "" : `: ${why}`}`,
      { remedy: "Check that the servers run; they are looked for in the background." },
    );
  }
}

function turnOn(
  node: ValkeyNode,
  connection: RespConnection,
  deadlineMs: number,
  { signal }: Call,
  asking: boolean,
): Turn {
  const options = { deadlineMs, signal };
  // What becomes of ASKING shows in the reply of the command behind it.
  const prepare = () => void (asking && connection.command(["ASKING"], options).catch(() => {}));
  return { connection, options, moved: (bytes) => node.moved(bytes), prepare };
}

function isRedirection({ code }: ReplyError): boolean {
  return code === "MOVED" || code === "ASK" || code === "READONLY";
}

/** Whether the call broke off with its connection, or its server left the topology meanwhile. */
function isLoss(error: unknown): boolean {
  return isKeepwarmError(error, "CONNECTION_FAILED") || isKeepwarmError(error, "CLOSED");
}

function isLost(result: PromiseSettledResult<Reply>): result is PromiseRejectedResult {
  return result.status === "rejected" && !isKeepwarmError(result.reason, "REPLY");
}

function asFailure(error: unknown): KeepwarmError {
  if (error instanceof KeepwarmError) return error;
  if (error instanceof ReplyError) return replyFailure(error, "the server");
  return new KeepwarmError("CONNECTION_FAILED", String(error), { cause: error });
}
