import { performance } from "node:perf_hooks";
import type { Bringing } from "../../tiers/chain/bringing.ts";
import type { Request } from "../../wire/resp/request.ts";
import type { Command } from "./command.ts";
import type { Session } from "./session.ts";
import { findPlace } from "./values.ts";

/** A command that waits for values which lie below RAM. */
export class AwaitedValues {
  readonly command: Command;
  readonly bringing: Bringing;
  /** Since when, in ms since 1970. */
  readonly since: number;
  /** The same by `performance.now`: the wait counts as time of the command. */
  readonly busySince: number;
  #isPending = true;

  private constructor(session: Session, command: Command, ready: () => void) {
    this.command = command;
    this.since = session.front.now();
    this.busySince = performance.now();
    this.bringing = session.front.tiers.newBringing(() => {
      this.#isPending = false;
      ready();
    });
  }

  /** Begins to wait when a value that the command needs lies below RAM; `undefined` when none does. */
  static begin(
    session: Session,
    command: Command,
    request: Request,
    ready: () => void,
  ): AwaitedValues | undefined {
    const { tiers } = session.front;
    if (command.name !== "exec" && !mustWait(session, command, request)) return undefined;
    const awaited = new AwaitedValues(session, command, ready);
    const { bringing } = awaited;
    // What is there is kept before the first value comes and takes its room.
    for (const act of ["keep", "bring"] as const)
      forEachPart(session, command, request, (part, words, keyspace) => {
        const last = part.spec.values?.(words) ?? 0;
        for (let index = 1; index <= last; index++)
          tiers[act](words.bytes, words.start(index), words.end(index), keyspace, bringing);
      });
    if (tiers.hasRemotes)
      forEachPart(session, command, request, (part, words, keyspace) => {
        forEachAsked(part, words, (index, act) =>
          tiers[act](words.bytes, words.start(index), words.end(index), keyspace, bringing),
        );
      });
    if (bringing.pending > 0) return awaited;
    bringing.release();
    return undefined;
  }

  /** Values are still on their way. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** Waits no longer: what has not come counts as absent. */
  giveUp(): void {
    this.#isPending = false;
  }
}

/** Whether something that the command needs lies below RAM, or may be on another machine. */
function mustWait(session: Session, command: Command, request: Request): boolean {
  const { hasRemotes } = session.front.tiers;
  const last = command.spec.values?.(request) ?? 0;
  for (let index = 1; index <= last; index++) {
    const place = findPlace(session, request, index);
    if (place < 0 || (place === 0 && hasRemotes)) return true;
  }
  let isAbsent = false;
  if (hasRemotes)
    forEachAsked(command, request, (index) => {
      isAbsent ||= findPlace(session, request, index) === 0;
    });
  return isAbsent;
}

/** Calls `act` with the keys that other machines are asked about, and what is to be asked. */
function forEachAsked(
  { spec }: Command,
  request: Request,
  act: (index: number, how: "bring" | "seek") => void,
): void {
  const facts = spec.facts?.(request) ?? 0;
  for (let index = 1; index <= facts; index++) act(index, "bring");
  const presence = spec.presence?.(request) ?? 0;
  for (let index = 1; index <= presence; index++) act(index, "seek");
}

/** Calls `act` with the command, or with each that EXEC will run, and the keyspace of its keys. */
function forEachPart(
  session: Session,
  command: Command,
  request: Request,
  act: (command: Command, request: Request, keyspace: number) => void,
): void {
  let { keyspace } = session;
  if (command.name !== "exec") {
    act(command, request, keyspace);
    return;
  }
  const { transaction } = session;
  if (transaction === undefined || transaction.failed) return;
  for (const part of transaction.queue) {
    if (part.command.name === "select") keyspace = part.request.integer(1) ?? keyspace;
    act(part.command, part.request, keyspace);
  }
}
