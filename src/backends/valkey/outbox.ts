import type { Socket } from "node:net";

/** Pieces shorter than this are worth copying to make fewer of them. */
const smallBytes = 1024;

/** The same bytes, with neighbours that are small in one piece. */
function joinSmall(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  if (pieces.length < 2) return pieces;
  const joined: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at <= pieces.length; at++) {
    if (at < pieces.length && pieces[at].length < smallBytes) continue;
    if (at > from)
      joined.push(at === from + 1 ? pieces[from] : Buffer.concat(pieces.slice(from, at)));
    if (at < pieces.length) joined.push(pieces[at]);
    from = at + 1;
  }
  return joined;
}

/** What is sent over a socket: everything of one turn of the event loop leaves in one write. */
export class Outbox {
  readonly #socket: Socket;
  #pieces: Uint8Array[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether something has not been handed to the kernel. */
  get waiting(): boolean {
    return this.#pieces.length > 0 || this.#socket.writableLength > 0;
  }

  /** These bytes leave, from where they lie, at the end of this turn. */
  add(pieces: readonly Uint8Array[]): void {
    // Not before the event loop has read everything: several replies are often followed by one write.
    if (this.#pieces.length === 0) setImmediate(() => this.#flush());
    for (const piece of pieces) this.#pieces.push(piece);
  }

  /** What has not left stays here. */
  clear(): void {
    this.#pieces = [];
  }

  #flush(): void {
    const pieces = joinSmall(this.#pieces);
    this.#pieces = [];
    if (pieces.length > 1) this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    if (pieces.length > 1) this.#socket.uncork();
  }
}
