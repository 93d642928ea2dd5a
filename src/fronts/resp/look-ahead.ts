import {
  type RequestAnswer,
  RequestDecoder,
  type RequestReceiver,
  bodyAnswer,
  requestAnswer,
} from "../../wire/resp/request-decoder.ts";
import type { Request } from "../../wire/resp/request.ts";
import type { Session } from "./session.ts";

/** Requests that are looked at while the one before them waits. */
const REQUESTS = 16;

/**
 * Begins to read what the next requests of a pipeline need from below RAM, while the one before them
 * waits, so that they do not go to the disk one after the other.
 */
export function lookAhead(session: Session, bytes: Buffer | undefined): void {
  const { front, user } = session;
  if (bytes === undefined || bytes.length === 0 || user?.mayUseAllKeys !== true) return;
  const ahead = new Ahead(session);
  new RequestDecoder(ahead, front.window, front.requestLimits).push(bytes);
  front.tiers.prefetch(ahead.places);
}

class Ahead implements RequestReceiver {
  readonly places: number[] = [];
  readonly #session: Session;
  #seen = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  request(request: Request): RequestAnswer {
    const { front, keyspace } = this.#session;
    const command = front.commands.find(request);
    if (command?.name === "select") return requestAnswer.stop;
    const last = Math.min(command?.spec.values?.(request) ?? 0, request.argc - 1);
    for (let index = 1; index <= last; index++) {
      const { bytes } = request;
      const place = front.tiers.find(bytes, request.start(index), request.end(index), keyspace);
      if (place < 0) this.places.push(place);
    }
    return ++this.#seen < REQUESTS ? requestAnswer.next : requestAnswer.stop;
  }

  body(): number {
    return bodyAnswer.wait;
  }

  bodyMemory(): Uint8Array {
    throw new Error("no body is ever accepted");
  }

  landing(): undefined {
    return undefined;
  }

  land(): number {
    return 0;
  }

  leaveLanding(): void {
    // There is no landing memory.
  }

  protocolError(): void {
    // The client is told when its turn comes.
  }
}
