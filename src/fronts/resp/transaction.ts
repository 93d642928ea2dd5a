import type { Request } from "../../wire/resp/request.ts";
import type { Command } from "./command.ts";
import type { FrontState } from "./front-state.ts";

/** Assumed overhead of a queued command. */
const QUEUED_COMMAND_BYTES = 200;

interface Watched {
  readonly key: Buffer;
  readonly keyspace: number;
  readonly version: number;
}

/** What a client has watched and queued since WATCH and MULTI. */
export class Transaction {
  readonly #front: FrontState;
  readonly #watched: Watched[] = [];
  /** Between MULTI and EXEC. */
  open = false;
  /** A queued command was refused, so that EXEC must fail. */
  failed = false;
  readonly queue: { readonly command: Command; readonly request: Request }[] = [];
  #queuedBytes = 0;

  constructor(front: FrontState) {
    this.#front = front;
  }

  watch(key: Uint8Array, keyspace: number): void {
    const copy = Buffer.from(key);
    this.#watched.push({
      key: copy,
      keyspace,
      version: this.#front.versionOf(copy, keyspace),
    });
  }

  /** Whether nothing that was watched has changed. */
  get isValid(): boolean {
    return this.#watched.every(
      ({ key, keyspace, version }) => this.#front.versionOf(key, keyspace) === version,
    );
  }

  /** Queues a command. Returns false, and does not, when all of them would take more than `limit` bytes. */
  add(command: Command, request: Request, limit: number): boolean {
    const copy = request.detach();
    this.#queuedBytes += copy.bytes.length + QUEUED_COMMAND_BYTES;
    if (this.#queuedBytes > limit) return false;
    this.queue.push({ command, request: copy });
    return true;
  }

  /** Frees the slots of values that were queued and will not be stored. */
  discard(): void {
    for (const { request } of this.queue)
      for (let i = 1; i < request.bodies.length; i += 2)
        if (request.bodies[i] > 0) this.#front.cancelSlot(request.bodies[i]);
    this.queue.length = 0;
  }
}
