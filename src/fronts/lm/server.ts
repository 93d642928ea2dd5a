import net from "node:net";
import { KeepwarmError } from "../../errors.ts";
import { adopt, drain, hostOf, isLoopback, listenOn, urlOf } from "../listener.ts";
import { LmConnection } from "./connection.ts";
import { LmFrontState } from "./front-state.ts";
import type { LmServerOptions } from "./options.ts";
import type { LmStats } from "./stats.ts";

const TICK_MS = 100;
const TICKS_PER_CLIENT_CHECK = 10;
const remedies = {
  taken:
    "Does an lmcache_server run there? Choose another port with --lm-port, or 0 for any free one.",
  refused: "Choose an address of this machine with lm.host, and a port above 1023.",
};

/**
 * A server that LMCache's `lm://` clients can use, over a chain of tiers: what `lmcache_server`
 * does, with a limit and eviction. Blocks are the same as those of `redis://` clients of that chain.
 *
 * @example
 * ```ts
 * const server = await LmServer.listen({ tiers: new TierChain({ ram }), logger, port: 0 });
 * console.log(server.url);
 * await server.close();
 * ```
 */
export class LmServer {
  readonly state: LmFrontState;
  readonly #server: net.Server;
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;
  #draining = false;

  private constructor(options: LmServerOptions) {
    this.state = new LmFrontState(options);
    this.#server = net.createServer(
      { pauseOnConnect: true, noDelay: true, keepAlive: true },
      (socket) => this.#accept(socket),
    );
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Starts a server. Throws `LISTEN_FAILED` when the address is taken or may not be used. */
  static async listen(options: LmServerOptions): Promise<LmServer> {
    const host = options.host ?? "127.0.0.1";
    const port = options.port ?? 65_432;
    const server = new LmServer(options);
    try {
      refuseOpenDoor(host, options.openDoor === true);
      server.state.port = await listenOn(server.#server, { host, port }, remedies);
    } catch (error) {
      clearInterval(server.#timer);
      throw error;
    }
    server.#server.on("error", (error) =>
      options.logger.error({ err: error }, "the lm listener failed"),
    );
    return server;
  }

  /** Where clients find it: `lm://…`. */
  get url(): string {
    return urlOf("lm", hostOf(this.#server), this.state.port);
  }

  stats(): LmStats {
    return this.state.stats();
  }

  /** Takes no more clients, lets those that are in the middle of something finish, and ends. */
  async close(graceMs: number = 2000): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    await drain(this.#server, this.state.connections, graceMs);
    clearInterval(this.#timer);
  }

  #accept(accepted: net.Socket): void {
    const { state } = this;
    if (state.connections.size >= state.limits.clients || this.#draining) {
      // The protocol has no word for it; a client takes the end of the connection for a miss.
      state.connectionsRejected++;
      accepted.on("error", () => {});
      accepted.destroy();
      return;
    }
    adopt(
      accepted,
      () => state.window.view,
      (address, mode) => new LmConnection(state, address, mode),
    );
  }

  #tick(): void {
    const { state } = this;
    this.#ticks++;
    state.retryWaiting();
    for (const connection of state.connections)
      connection.giveUpLate(state.now(), state.limits.tierWaitMs);
    if (this.#ticks % TICKS_PER_CLIENT_CHECK !== 0) return;
    const now = state.now();
    const { idleMs, stallMs } = state.limits;
    for (const connection of state.connections)
      if ((idleMs > 0 && connection.isIdle(now, idleMs)) || connection.isStalled(now, stallMs))
        connection.destroy();
  }
}

function refuseOpenDoor(host: string, openDoor: boolean): void {
  if (isLoopback(host) || openDoor) return;
  throw new KeepwarmError(
    "LISTEN_FAILED",
    `${host} can be reached from other machines, and lm:// has no authentication`,
    {
      remedy:
        "Listen on 127.0.0.1; on a network you trust wholly, set protected to false (--no-protected).",
    },
  );
}
