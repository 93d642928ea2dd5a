import type { Socket } from "node:net";
import type { FrontState } from "./front-state.ts";

/**
 * What one client is sent: all replies that a turn gave rise to in one write, big values by reference
 * from the slots where they lie. A slot is held until the socket has taken it.
 */
export class Output {
  /** Bytes that the peer has not taken. */
  unwrittenBytes = 0;
  readonly #front: FrontState;
  readonly #taken: () => void;
  #socket: Socket | undefined;
  /** Pairs of slot (0: none) and bytes of writes under way, oldest first. */
  readonly #writing: number[] = [];
  #head = 0;
  readonly #written = (): void => this.#afterWrite();

  /** @param taken - called when the socket has taken something. */
  constructor(front: FrontState, taken: () => void) {
    this.#front = front;
    this.#taken = taken;
  }

  attach(socket: Socket): void {
    this.#socket = socket;
  }

  /** Hands the replies collected so far to the socket. */
  flush(): void {
    const { reply } = this.#front;
    const socket = this.#socket;
    if (reply.pendingBytes === 0 || socket === undefined) {
      this.#dropReplies();
      return;
    }
    const { buffer, length, references } = reply;
    if (references.length === 0) this.write(buffer.subarray(0, length), 0);
    else {
      const single = references.length === 1 && length === 0;
      if (!single) socket.cork();
      let from = 0;
      for (const { at, frame, token } of references) {
        if (at > from) this.write(buffer.subarray(from, at), 0);
        this.write(frame, token);
        from = at;
      }
      if (length > from) this.write(buffer.subarray(from, length), 0);
      if (!single) socket.uncork();
    }
    this.#front.bytesOut += reply.pendingBytes;
    // What the kernel did not take at once still lies in the buffer, which is the socket's then.
    if (socket.writableLength > 0 && length > 0) reply.reset(Buffer.allocUnsafeSlow(64 * 1024));
    else reply.reset();
  }

  /** Sends bytes, those of a slot or (0) others; the slot's reference goes with them. */
  write(bytes: Uint8Array, slot: number): void {
    this.#writing.push(slot, bytes.length);
    this.unwrittenBytes += bytes.length;
    this.#socket!.write(bytes, this.#written);
  }

  /** Bytes that the kernel has not taken. */
  get queuedBytes(): number {
    const handle = (this.#socket as unknown as { _handle?: { writeQueueSize?: number } })?._handle;
    return handle?.writeQueueSize ?? this.unwrittenBytes;
  }

  /** The socket is closed: lets go of all slots. */
  detach(): void {
    this.#socket = undefined;
    for (; this.#head < this.#writing.length; this.#head += 2) {
      const slot = this.#writing[this.#head];
      if (slot !== 0) this.#front.ram.slots.release(slot);
    }
  }

  #afterWrite(): void {
    if (this.#head >= this.#writing.length) return;
    const slot = this.#writing[this.#head];
    this.unwrittenBytes -= this.#writing[this.#head + 1];
    this.#head += 2;
    if (this.#head === this.#writing.length) this.#writing.length = this.#head = 0;
    if (slot !== 0 && this.#front.ram.slots.release(slot)) this.#front.retryWaiting();
    this.#taken();
  }

  /** Forgets replies that nobody will read. */
  #dropReplies(): void {
    const { reply, ram } = this.#front;
    for (const { token } of reply.references) ram.slots.release(token);
    reply.reset();
  }
}
