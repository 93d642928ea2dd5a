import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";
import {
  findCollection,
  findEntry,
  findPlace,
  isElsewhere,
  removeKey,
  storeBytes,
} from "../values.ts";

function exists(session: Session, request: Request): void {
  const { tiers } = session.front;
  if (request.argc === 2) {
    const place = findPlace(session, request, 1);
    if (place !== 0) tiers.protect(place);
    if (place < 0) tiers.prefetch([place]);
    session.reply.integer(place !== 0 || isThere(session, request, 1) ? 1 : 0);
    return;
  }
  let present = 0;
  let below: number[] | undefined;
  // Backwards, so that the first of a chain is the most recent.
  for (let index = request.argc - 1; index > 0; index--) {
    const place = findPlace(session, request, index);
    if (place !== 0) tiers.protect(place);
    if (place < 0) (below ??= []).push(place);
    if (place !== 0 || isThere(session, request, index)) present++;
  }
  if (below !== undefined) tiers.prefetch(below.toReversed());
  session.reply.integer(present);
}

/** Whether there is a list or hash of that name, or another machine has it. */
function isThere(session: Session, request: Request, index: number): boolean {
  return (
    findCollection(session, request, index) !== undefined || isElsewhere(session, request, index)
  );
}

function touch(session: Session, request: Request): void {
  let touched = 0;
  for (let index = request.argc - 1; index > 0; index--) {
    const place = findPlace(session, request, index);
    if (place !== 0) session.front.tiers.touch(place);
    if (place !== 0 || isThere(session, request, index)) touched++;
  }
  session.reply.integer(touched);
}

function del(session: Session, request: Request): void {
  if (request.argc === 2) {
    session.reply.integer(removeKey(session, request, 1) ? 1 : 0);
    return;
  }
  // A pair goes together: count what is there before the first half takes the second along.
  const places = new Set<number>();
  let removed = 0;
  for (let index = 1; index < request.argc; index++) {
    const place = findPlace(session, request, index);
    if (place !== 0) places.add(place);
    else if (removeKey(session, request, index)) removed++;
  }
  const { tiers } = session.front;
  for (const place of places) if (tiers.isPresent(place)) tiers.remove(place);
  session.reply.integer(removed + places.size);
}

function type(session: Session, request: Request): void {
  const collection = findCollection(session, request, 1);
  if (collection !== undefined) session.reply.simple(collection.type);
  else session.reply.simple(findPlace(session, request, 1) === 0 ? "none" : "string");
}

function rename(session: Session, request: Request, onlyIfAbsent: boolean): void {
  const { reply, front } = session;
  const { ram, collections } = front;
  const entry = findEntry(session, request, 1);
  const collection = findCollection(session, request, 1);
  if (entry === 0 && collection === undefined) {
    reply.error("ERR no such key");
    return;
  }
  const same = request.view(1).equals(request.view(2));
  const targetPresent =
    findPlace(session, request, 2) !== 0 || findCollection(session, request, 2) !== undefined;
  if (onlyIfAbsent && targetPresent) {
    reply.integer(0);
    return;
  }
  if (!same && entry !== 0) {
    const slot = ram.entries.slot(entry);
    ram.slots.retain(slot);
    const value = ram.slots.value(slot);
    const expiresAt = ram.entries.expiresAt(entry);
    const problem = storeBytes(session, request, 2, value, 0, value.length, expiresAt);
    ram.slots.release(slot);
    if (problem !== undefined) {
      reply.error(problem);
      return;
    }
    removeKey(session, request, 1);
  } else if (!same && collection !== undefined) {
    removeKey(session, request, 2);
    collections.rename(collection, request.latin1(2));
  }
  if (onlyIfAbsent) reply.integer(1);
  else reply.ok();
}

function object(session: Session, request: Request): void {
  const { reply, front } = session;
  if (request.is(1, "HELP")) {
    reply.array(1);
    reply.bulk("OBJECT ENCODING|FREQ|IDLETIME|REFCOUNT <key>");
    return;
  }
  const place = request.argc === 3 ? findPlace(session, request, 2) : 0;
  const collection = request.argc === 3 ? findCollection(session, request, 2) : undefined;
  const { ram, tiers } = front;
  if (request.argc !== 3) reply.error("ERR wrong number of arguments for 'object' command");
  else if (place === 0 && collection === undefined) reply.nil();
  else if (request.is(1, "ENCODING"))
    reply.bulk(
      collection === undefined ? "raw" : collection.type === "list" ? "listpack" : "hashtable",
    );
  else if (request.is(1, "FREQ")) reply.integer(place === 0 ? 0 : tiers.hits(place));
  else if (request.is(1, "IDLETIME")) {
    const idleMs = place === 0 ? front.now() - (collection?.usedAt ?? 0) : tiers.idleMs(place);
    reply.integer(Math.floor(idleMs / 1000));
  } else if (request.is(1, "REFCOUNT"))
    reply.integer(place > 0 ? ram.slots.references(ram.entries.slot(place)) : 1);
  else reply.error(`ERR unknown subcommand '${request.text(1)}'. Try OBJECT HELP.`);
}

const base = { group: "generic", keys: [1, 1, 1] } as const;
const many = { group: "generic", keys: [1, -1, 1] } as const;

export const keyCommands: readonly CommandSpec[] = [
  {
    ...many,
    name: "exists",
    arity: -2,
    flags: ["readonly", "fast"],
    summary: "Counts the keys that are present, and spares them from eviction for a moment.",
    presence: (request) => request.argc - 1,
    run: exists,
  },
  {
    ...many,
    name: "del",
    arity: -2,
    flags: ["write"],
    summary: "Removes keys; the other half of a pair goes with them.",
    presence: (request) => request.argc - 1,
    run: del,
  },
  {
    ...many,
    name: "unlink",
    arity: -2,
    flags: ["write", "fast"],
    summary: "As DEL.",
    presence: (request) => request.argc - 1,
    run: del,
  },
  {
    ...many,
    name: "touch",
    arity: -2,
    flags: ["readonly", "fast"],
    summary: "Marks keys as used.",
    presence: (request) => request.argc - 1,
    run: touch,
  },
  {
    ...base,
    name: "type",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Says what a key holds: string, list, hash or none.",
    facts: () => 1,
    run: type,
  },
  {
    group: "generic",
    keys: [1, 2, 1],
    name: "rename",
    arity: 3,
    flags: ["write"],
    summary: "Gives a key another name.",
    values: () => 1,
    run: (session, request) => rename(session, request, false),
  },
  {
    group: "generic",
    keys: [1, 2, 1],
    name: "renamenx",
    arity: 3,
    flags: ["write"],
    summary: "Gives a key another name unless that is taken.",
    values: () => 1,
    run: (session, request) => rename(session, request, true),
  },
  {
    group: "generic",
    keys: [2, 2, 1],
    name: "object",
    arity: -2,
    flags: ["readonly"],
    summary: "Details of a key: ENCODING, FREQ (reads), IDLETIME, REFCOUNT.",
    run: object,
  },
];
