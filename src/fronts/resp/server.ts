import net from "node:net";
import tls from "node:tls";
import { KeepwarmError } from "../../errors.ts";
import { adopt, drain, hostOf, isLoopback, listenOn, urlOf } from "../listener.ts";
import { CommandTable } from "./command-table.ts";
import { commandSpecs } from "./commands/index.ts";
import { RespConnection } from "./connection.ts";
import { FrontState } from "./front-state.ts";
import type { RespServerOptions } from "./options.ts";

/** What the unfinished requests of all clients may take, values apart. */
const MOST_HELD_BYTES = 256 * 1024 ** 2;
const TICK_MS = 100;
const SWEPT_PER_TICK = 2000;
const TICKS_PER_CLIENT_CHECK = 10;
/** How long a client that is turned away may take to hang up. */
const GOODBYE_MS = 1000;
const remedies = {
  taken:
    "Is another store running there? Choose another port with --resp-port, or 0 for any free one.",
  refused: "Choose an address of this machine with --resp-host, and a port above 1023.",
};

/**
 * A server that Redis clients of either protocol (RESP2, RESP3) can use, over a chain of tiers.
 *
 * @example
 * ```ts
 * const server = await RespServer.listen({ tiers: new TierChain({ ram }), port: 0, … });
 * console.log(server.url);
 * await server.close();
 * ```
 */
export class RespServer {
  readonly state: FrontState;
  readonly #server: net.Server;
  readonly #connections = new Set<RespConnection>();
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;
  #draining = false;

  private constructor(options: RespServerOptions) {
    this.state = new FrontState(options, new CommandTable(commandSpecs));
    this.#server =
      options.tls === undefined
        ? net.createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true }, (socket) =>
            this.#accept(socket),
          )
        : tls.createServer(
            {
              ...options.tls,
              noDelay: true,
              keepAlive: true,
              requestCert: options.tls.ca !== undefined,
              rejectUnauthorized:
                options.tls.ca !== undefined && options.tls.clientCertificates !== "optional",
            },
            (socket) => this.#accept(socket),
          );
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Starts a server. Throws `LISTEN_FAILED` when the address is taken or may not be used. */
  static async listen(options: RespServerOptions): Promise<RespServer> {
    const host = options.host ?? "127.0.0.1";
    const port = options.port ?? 6379;
    const server = new RespServer(options);
    try {
      server.#refuseOpenDoor(host);
      server.state.port = await listenOn(server.#server, { host, port }, remedies);
    } catch (error) {
      clearInterval(server.#timer);
      throw error;
    }
    server.#server.on("error", (error) =>
      options.logger.error({ err: error }, "the RESP listener failed"),
    );
    return server;
  }

  get host(): string {
    return hostOf(this.#server);
  }

  /** Where clients find it: `redis://…`, or `rediss://…` with TLS. */
  get url(): string {
    const scheme = this.state.options.tls === undefined ? "redis" : "rediss";
    return urlOf(scheme, this.host, this.state.port);
  }

  /** Takes no more clients, lets those that are in the middle of something finish, and ends. */
  async close(graceMs: number = 2000): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    this.state.jobs.cancelAll();
    await drain(this.#server, this.#connections, graceMs);
    clearInterval(this.#timer);
  }

  /** From now on it does not keep the process running; clients that are connected still do. */
  unref(): void {
    this.#server.unref();
    this.#timer.unref();
  }

  #accept(accepted: net.Socket): void {
    const { state } = this;
    if (state.sessions.size >= state.limits.clients || this.#draining) {
      state.connectionsRejected++;
      turnAway(accepted);
      return;
    }
    state.connectionsAccepted++;
    const { connection, socket } = adopt(
      accepted,
      () => state.window.view,
      (address, mode) => new RespConnection(state, address, mode),
    );
    this.#connections.add(connection);
    socket.on("close", () => this.#connections.delete(connection));
  }

  #tick(): void {
    const { state } = this;
    this.#ticks++;
    state.ram.sweep(SWEPT_PER_TICK);
    state.collections.sweep(SWEPT_PER_TICK);
    state.rates.sample(state);
    state.retryWaiting();
    for (const connection of state.awaiting) connection.giveUpLate();
    this.#boundHeldBytes();
    if (this.#ticks % TICKS_PER_CLIENT_CHECK !== 0) return;
    const now = state.now();
    for (const connection of this.#connections) {
      const { idleMs, stallMs } = state.limits;
      const idle =
        idleMs > 0 && !connection.isWaiting && now - connection.session.lastActiveAt > idleMs;
      if (idle || connection.isStalled(now, stallMs)) connection.destroy();
    }
  }

  /** Closes those who hold most of unfinished requests while all of them together hold too much. */
  #boundHeldBytes(): void {
    let held = 0;
    for (const { heldBytes } of this.#connections) held += heldBytes;
    if (held <= MOST_HELD_BYTES) return;
    const largestFirst = [...this.#connections].toSorted((a, b) => b.heldBytes - a.heldBytes);
    for (const connection of largestFirst) {
      if (held <= MOST_HELD_BYTES) return;
      held -= connection.heldBytes;
      this.state.options.logger.warn(
        { client: connection.address, bytes: connection.heldBytes },
        "closed: unfinished requests of all clients take too much memory",
      );
      connection.destroy();
    }
  }

  #refuseOpenDoor(host: string): void {
    const { options, users } = this.state;
    if (isLoopback(host) || options.openDoor === true || users.default.needsPassword) return;
    if (options.tls?.ca !== undefined && options.tls.clientCertificates !== "optional") return;
    throw new KeepwarmError(
      "LISTEN_FAILED",
      `${host} can be reached from other machines, and no password is set`,
      {
        remedy:
          "Set a password (--requirepass) or client certificates (--tls-ca), or listen on 127.0.0.1; on a network you trust wholly, set protected to false.",
      },
    );
  }
}

/** Says why, and reads on until the peer has hung up too: only then does a socket close by itself. */
function turnAway(socket: net.Socket): void {
  const timeout = setTimeout(() => socket.destroy(), GOODBYE_MS);
  socket.on("error", () => {});
  socket.on("close", () => clearTimeout(timeout));
  socket.resume();
  socket.end("-ERR max number of clients reached\r\n");
}
