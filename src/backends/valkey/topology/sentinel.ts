import { KeepwarmError } from "../../../errors.ts";
import { replyText, type Reply, type ReplyError } from "../../../wire/resp/reply.ts";
import { connectAddress } from "../client.ts";
import type { RespConnection } from "../connection.ts";
import type { ValkeyNode } from "../node.ts";
import { replyOf } from "../reply-failure.ts";
import type { TlsOptions } from "../read-socket.ts";
import { formatEndpoint, type Endpoint } from "../store-url.ts";
import type { RespAddress } from "../url.ts";
import { Refresher, settledBy } from "./refresher.ts";
import type { Route, Topology } from "./topology.ts";

export interface SentinelOptions {
  readonly sentinels: readonly Endpoint[];
  /** What the Sentinels call the primary. */
  readonly service: string;
  /** A Sentinel's address with its user and password. */
  readonly sentinelAddress: (endpoint: Endpoint) => RespAddress;
  readonly tls: TlsOptions;
  readonly connectDeadlineMs: number;
  readonly createNode: (endpoint: Endpoint, onOutage: () => void) => ValkeyNode;
}

/**
 * The primary that Sentinels name. They are asked at the beginning, when it fails or turns out to be
 * a replica, and when they announce another one.
 */
export class SentinelTopology implements Topology {
  readonly #options: SentinelOptions;
  readonly #finder = new Refresher(() => this.#find());
  readonly #watcher = new Refresher(() => this.#watch());
  #current: { readonly endpoint: Endpoint; readonly node: ValkeyNode } | undefined;
  #watching: RespConnection | undefined;
  #first: Promise<void> | undefined;
  /** The Sentinel to begin with: the one that answered last. */
  #preferred = 0;
  /** The one whose news are heard next. */
  #watched = 0;
  #closed = false;

  constructor(options: SentinelOptions) {
    this.#options = options;
  }

  get lastError(): string | undefined {
    return this.#finder.lastError;
  }

  route(): ValkeyNode | undefined {
    return this.#current?.node;
  }

  nodes(): readonly ValkeyNode[] {
    return this.#current === undefined ? [] : [this.#current.node];
  }

  async ready(due: number): Promise<void> {
    if (this.#current !== undefined || this.#closed) return;
    if (this.#first === undefined) void this.#watcher.run();
    await settledBy((this.#first ??= this.#finder.run()), due);
  }

  async redirect(reply: ReplyError, from: ValkeyNode, due: number): Promise<Route | undefined> {
    if (reply.code !== "READONLY" && reply.code !== "MASTERDOWN") return undefined;
    if (this.#current?.node === from) await settledBy(this.#finder.run(), due);
    const node = this.#current?.node;
    return node === undefined || node === from ? undefined : { node, asking: false };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#finder.close();
    this.#watcher.close();
    await Promise.all([this.#watching?.close(), this.#current?.node.close()]);
  }

  /** Finds the primary; content when it answers. */
  async #find(): Promise<boolean> {
    const { connectDeadlineMs: deadlineMs } = this.#options;
    const endpoint = await this.#ask((sentinel) => this.#primaryOf(sentinel));
    const current = this.#current;
    if (current !== undefined && formatEndpoint(current.endpoint) === formatEndpoint(endpoint))
      return current.node.available;
    const node = this.#options.createNode(endpoint, () => void this.#finder.run());
    try {
      await requirePrimary(node.address, this.#options.tls, deadlineMs);
    } catch (error) {
      await node.close();
      throw error;
    }
    if (this.#closed) {
      await node.close();
      return true;
    }
    this.#current = { endpoint, node };
    void current?.node.close();
    return true;
  }

  /** Asks one Sentinel after the other until one answers. */
  async #ask<T>(question: (sentinel: RespConnection) => Promise<T>): Promise<T> {
    const { sentinels, sentinelAddress, tls, connectDeadlineMs: deadlineMs } = this.#options;
    let failure: unknown;
    for (let turn = 0; turn < sentinels.length && !this.#closed; turn++) {
      const index = (this.#preferred + turn) % sentinels.length;
      try {
        const sentinel = await connectAddress(sentinelAddress(sentinels[index]), {
          tls,
          deadlineMs,
        });
        try {
          const answer = await question(sentinel);
          this.#preferred = index;
          return answer;
        } finally {
          await sentinel.close();
        }
      } catch (error) {
        failure = error;
      }
    }
    const why = failure instanceof Error ? `: ${failure.message}` : "";
    throw new KeepwarmError(
      "CONNECTION_FAILED",
      `no Sentinel names ${this.#options.service}${why}`,
      {
        cause: failure,
        remedy: "Check the Sentinels' addresses, their password, and the name of the service.",
      },
    );
  }

  async #primaryOf(sentinel: RespConnection): Promise<Endpoint> {
    const { service } = this.#options;
    const reply = await sentinel.command(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", service]);
    const [host, port] = Array.isArray(reply) ? reply.map(replyText) : [];
    if (!host || !port)
      throw new KeepwarmError("NOT_FOUND", `${sentinel.label} does not know ${service}`);
    return { host, port: Number(port) };
  }

  /** Subscribes to one Sentinel's news; content while that connection lives. */
  async #watch(): Promise<boolean> {
    const { sentinels, sentinelAddress, tls, connectDeadlineMs: deadlineMs } = this.#options;
    const sentinel = sentinels[this.#watched++ % sentinels.length];
    const connection = await connectAddress(sentinelAddress(sentinel), {
      tls,
      deadlineMs,
      protocol: 3,
      onPush: (message) => this.#heard(message),
      onEnd: () => {
        if (this.#watching?.usable !== false || this.#closed) return;
        this.#watching = undefined;
        void this.#watcher.run();
      },
    });
    this.#watching = connection;
    if (this.#closed) await connection.close();
    connection.tell(["SUBSCRIBE", "+switch-master"]);
    // What was announced before this moment has to be asked for.
    void this.#finder.run();
    return connection.usable || this.#closed;
  }

  #heard(message: readonly Reply[]): void {
    const [kind, , text] = message.map((part) => replyText(part));
    if (kind === "message" && text?.split(" ")[0] === this.#options.service)
      void this.#finder.run();
  }
}

/** @throws KeepwarmError when the server cannot be reached or is no primary */
async function requirePrimary(
  address: RespAddress,
  tls: TlsOptions,
  deadlineMs: number,
): Promise<void> {
  const connection = await connectAddress(address, { tls, deadlineMs });
  try {
    const reply = await connection.command(["ROLE"]);
    const role = Array.isArray(reply) ? replyText(reply[0]) : undefined;
    if (role !== "master")
      throw new KeepwarmError("CONNECTION_FAILED", `${address.label} is a ${role}, no primary`);
  } catch (error) {
    if (replyOf(error)?.code !== "NOPERM") throw error;
  } finally {
    await connection.close();
  }
}
