import type net from "node:net";
import type { AddressInfo } from "node:net";
import { KeepwarmError } from "../errors.ts";
import { type Reader, type ReadMode, startReading, takeOver } from "../net/take-over.ts";

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** A client's connection, as the server that listens sees it. */
export interface FrontConnection extends Reader {
  attach(socket: net.Socket): void;
  /** Ends when what is under way is done. */
  finish(): void;
  destroy(): void;
}

/** Whether only programs of this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * Begins to listen and returns the port. Throws `LISTEN_FAILED` when the address is taken or may not be
 * used.
 *
 * @param remedies - what to do when the port is taken, or the address not to be had.
 */
export async function listenOn(
  server: net.Server,
  { host, port }: { readonly host: string; readonly port: number },
  remedies: { readonly taken: string; readonly refused: string },
): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, backlog: 4096 }, resolve);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      throw new KeepwarmError("LISTEN_FAILED", `port ${port} on ${host} is taken`, {
        cause: error,
        remedy: remedies.taken,
      });
    if (code === "EACCES" || code === "EADDRNOTAVAIL")
      throw new KeepwarmError("LISTEN_FAILED", `cannot listen on ${host}:${port} (${code})`, {
        cause: error,
        remedy: remedies.refused,
      });
    throw error;
  }
  return (server.address() as AddressInfo).port;
}

/** The address that the server listens on, or nothing when it does not. */
export function hostOf(server: net.Server): string {
  return (server.address() as AddressInfo | null)?.address ?? "";
}

/** Where clients find the server. */
export function urlOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Takes over an accepted socket for a new connection, which then decides into what memory it reads. */
export function adopt<Connection extends FrontConnection>(
  accepted: net.Socket,
  /** Memory for what comes before there is a connection. */
  window: () => Buffer,
  connect: (address: string, mode: ReadMode) => Connection,
): { readonly connection: Connection; readonly socket: net.Socket } {
  const address = `${accepted.remoteAddress ?? ""}:${accepted.remotePort ?? 0}`;
  // The socket needs its reader when it is made, and the reader its socket: so in two steps.
  let connection: Connection | undefined;
  const reader: Reader = {
    target: () => (connection === undefined ? window() : connection.target()),
    advance: (count) => connection!.advance(count),
    push: (bytes) => connection!.push(bytes),
  };
  const { socket, mode } = takeOver(accepted, reader);
  connection = connect(address, mode);
  connection.attach(socket);
  startReading(socket);
  return { connection, socket };
}

/** Takes no more clients, lets those that are in the middle of something finish, and ends. */
export async function drain(
  server: net.Server,
  connections: Iterable<FrontConnection>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of connections) connection.finish();
  const timeout = setTimeout(() => {
    for (const connection of connections) connection.destroy();
  }, graceMs);
  await closed;
  clearTimeout(timeout);
}
