import net from "node:net";

/** Takes a socket's bytes, into memory of its own choice where the socket can. */
export interface Reader {
  /** Where the next bytes are to be read to. At least one byte. */
  target(): Uint8Array;
  /** `count` bytes have been read to where {@link target} said. Answers whether to go on reading. */
  advance(count: number): boolean;
  /** Bytes that came in memory of the socket's. Answers whether to go on reading. */
  push(bytes: Uint8Array): boolean;
}

/**
 * How a socket reads: `direct` has the kernel write into the reader's memory, `copied` takes Node's
 * `data` events and copies, at two to five times the CPU a byte.
 */
export type ReadMode = "direct" | "copied";

export interface TakenSocket {
  readonly socket: net.Socket;
  readonly mode: ReadMode;
}

interface SocketInternals {
  _handle: unknown;
  _server: unknown;
}

/**
 * Makes an accepted socket read through `reader`. Node lets only sockets that connect choose their
 * read memory (`onread`), so the connection's handle moves to a new socket that is made with it;
 * where a Node version has no such handle, or the socket is a TLS one, reading falls back to `copied`.
 *
 * The server must have been made with `pauseOnConnect`. Use the returned socket, not the given one;
 * {@link startReading} starts it.
 */
export function takeOver(accepted: net.Socket, reader: Reader): TakenSocket {
  const internals = accepted as unknown as SocketInternals;
  const handle = internals._handle;
  if (
    typeof handle !== "object" ||
    handle === null ||
    !("useUserBuffer" in handle) ||
    "encrypted" in accepted
  ) {
    accepted.on("data", (chunk: Buffer) => {
      if (!reader.push(chunk)) accepted.pause();
    });
    accepted.pause();
    return { socket: accepted, mode: "copied" };
  }
  internals._handle = null;
  const options = {
    handle,
    readable: true,
    writable: true,
    onread: {
      buffer: () => reader.target(),
      callback: (count: number) => reader.advance(count),
    },
  };
  const socket = new net.Socket(options);
  // The server counts its connections down when this socket closes.
  (socket as unknown as SocketInternals)._server = internals._server;
  return { socket, mode: "direct" };
}

/** Starts reading, or starts it again after the reader asked to stop. */
export function startReading(socket: net.Socket): void {
  socket.resume();
}
