import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a {@link TcpProxy} does to bytes on their way; may be changed at any time. */
export interface ProxyBehaviour {
  /** Milliseconds that every piece is late, each way. Default 0. */
  latencyMs?: number;
  /** Bytes a second, for each connection and way. Default unlimited. */
  bytesPerSecond?: number;
  /** Takes connections and bytes, and lets nothing through. Default false. */
  blackHole?: boolean;
  /** Changes what goes back to the client. */
  alter?: ((chunk: Buffer) => Buffer) | undefined;
}

/** Where a {@link TcpProxy} leads to. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** Bytes on their way from one side before it is read no further. */
const mostUnderWay = 1024 ** 2;

const ignore = (): void => {};

/** How many bytes of a chunk go through at a time when they are slowed down. */
const sliceBytes = 16 * 1024;

/**
 * A port on loopback that leads to a server through a bad network: slow, cut off, silent, reset.
 *
 * @example
 * ```ts
 * await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
 * proxy.behaviour = { blackHole: true };
 * ```
 */
export class TcpProxy implements AsyncDisposable {
  /** What it does from now on. */
  behaviour: ProxyBehaviour = {};
  readonly #target: ProxyTarget;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Set<Socket>();
  #port = 0;
  #accepted = 0;

  private constructor(target: ProxyTarget) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  static async start(target: ProxyTarget): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    const address = proxy.#server.address();
    proxy.#port = typeof address === "object" && address !== null ? address.port : 0;
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that clients have made so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections of clients that are open. */
  get open(): number {
    return this.#clients.size;
  }

  /** Resets all connections. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Ends the way back to all clients, while theirs stays open. */
  halfClose(): void {
    for (const client of this.#clients) client.end();
  }

  /** Closes the port, so that connections are refused; those that are open stay. */
  async refuse(): Promise<void> {
    this.#server.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Opens the port again after {@link refuse}. */
  async accept(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async close(): Promise<void> {
    this.reset();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(client: Socket): void {
    this.#accepted++;
    const server = connect({ ...this.#target, allowHalfOpen: true });
    this.#clients.add(client);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", (failed) => {
        this.#sockets.delete(socket);
        this.#clients.delete(socket);
        if (failed) other.destroy();
      });
    }
    this.#carry(client, server, false);
    this.#carry(server, client, true);
  }

  #carry(from: Socket, to: Socket, back: boolean): void {
    let underWay: Promise<void> = Promise.resolve();
    let bytes = 0;
    from.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostUnderWay) from.pause();
      const due = performance.now() + (this.behaviour.latencyMs ?? 0);
      underWay = after(underWay, async () => {
        await this.#pass(chunk, due, to, back);
        bytes -= chunk.length;
        if (bytes <= mostUnderWay) from.resume();
      });
    });
    from.on("end", () => {
      underWay = after(underWay, async () => {
        await this.#holdBack(to);
        to.end();
      });
    });
  }

  /** Waits until the black hole is over. */
  async #holdBack(to: Socket): Promise<void> {
    while (this.behaviour.blackHole === true && !to.destroyed) await sleep(5);
  }

  async #pass(chunk: Buffer, due: number, to: Socket, back: boolean): Promise<void> {
    const { alter } = this.behaviour;
    const late = due - performance.now();
    if (late > 0) await sleep(late);
    await this.#holdBack(to);
    const bytes = back && alter !== undefined ? alter(chunk) : chunk;
    for (let at = 0; at < bytes.length && to.writable; at += sliceBytes) {
      const slice = bytes.subarray(at, at + sliceBytes);
      const { bytesPerSecond = Infinity } = this.behaviour;
      if (!to.write(slice))
        await Promise.race([once(to, "drain"), once(to, "close")]).catch(ignore);
      if (bytesPerSecond < Infinity) await sleep((1000 * slice.length) / bytesPerSecond);
    }
  }
}

async function after(before: Promise<void>, next: () => Promise<void>): Promise<void> {
  await before;
  await next();
}
