import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { type ScanFilter, scan } from "../cursor.ts";
import { type ExpiryUnit, expiryTime } from "../expiry.ts";
import type { Session } from "../session.ts";
import {
  NOT_AN_INTEGER,
  SYNTAX_ERROR,
  findCollection,
  findEntry,
  removeKey,
  storeBytes,
} from "../values.ts";

const ALL_AT_ONCE = Number.MAX_SAFE_INTEGER / 128;

function exists(session: Session, request: Request): void {
  const { ram } = session.front;
  if (request.argc === 2) {
    const entry = findEntry(session, request, 1);
    if (entry !== 0) ram.protect(entry);
    session.reply.integer(entry !== 0 || findCollection(session, request, 1) !== undefined ? 1 : 0);
    return;
  }
  let present = 0;
  // Backwards, so that the first of a chain is the most recent.
  for (let index = request.argc - 1; index > 0; index--) {
    const entry = findEntry(session, request, index);
    if (entry !== 0) ram.protect(entry);
    if (entry !== 0 || findCollection(session, request, index) !== undefined) present++;
  }
  session.reply.integer(present);
}

function touch(session: Session, request: Request): void {
  let touched = 0;
  for (let index = request.argc - 1; index > 0; index--) {
    const entry = findEntry(session, request, index);
    if (entry !== 0) session.front.ram.touch(entry);
    if (entry !== 0 || findCollection(session, request, index) !== undefined) touched++;
  }
  session.reply.integer(touched);
}

function del(session: Session, request: Request): void {
  if (request.argc === 2) {
    session.reply.integer(removeKey(session, request, 1) ? 1 : 0);
    return;
  }
  // A pair goes together: count what is there before the first half takes the second along.
  const entries = new Set<number>();
  let removed = 0;
  for (let index = 1; index < request.argc; index++) {
    const entry = findEntry(session, request, index);
    if (entry !== 0) entries.add(entry);
    else if (removeKey(session, request, index)) removed++;
  }
  const { ram } = session.front;
  for (const entry of entries) if (ram.entries.isPresent(entry)) ram.remove(entry);
  session.reply.integer(removed + entries.size);
}

function type(session: Session, request: Request): void {
  const collection = findCollection(session, request, 1);
  if (collection !== undefined) session.reply.simple(collection.type);
  else session.reply.simple(findEntry(session, request, 1) === 0 ? "none" : "string");
}

/** Expiry of argument 1 in ms since 1970; 0 for never, -2 for no such key. */
function expiryOf(session: Session, request: Request): number {
  const entry = findEntry(session, request, 1);
  if (entry !== 0) return session.front.ram.entries.expiresAt(entry);
  return findCollection(session, request, 1)?.expiresAt ?? -2;
}

function timeLeft(answer: (at: number, now: number) => number) {
  return (session: Session, request: Request): void => {
    const at = expiryOf(session, request);
    session.reply.integer(at === -2 ? -2 : at === 0 ? -1 : answer(at, session.front.now()));
  };
}

function setExpiry(session: Session, request: Request, at: number): boolean {
  const entry = findEntry(session, request, 1);
  if (entry !== 0) {
    session.front.ram.setExpiry(entry, at);
    return true;
  }
  const collection = findCollection(session, request, 1);
  if (collection !== undefined) session.front.collections.setExpiry(collection, at);
  return collection !== undefined;
}

function mayChangeExpiry(request: Request, before: number, at: number): boolean | string {
  const options = new Set<string>();
  for (let index = 3; index < request.argc; index++) {
    const option = request.text(index).toUpperCase();
    if (!["NX", "XX", "GT", "LT"].includes(option))
      return `ERR Unsupported option ${request.text(index)}`;
    options.add(option);
  }
  if (options.has("NX") && options.size > 1)
    return "ERR NX and XX, GT or LT options at the same time are not compatible";
  if (options.has("GT") && options.has("LT"))
    return "ERR GT and LT options at the same time are not compatible";
  return (
    (before === 0 || !options.has("NX")) &&
    (before !== 0 || !options.has("XX")) &&
    ((before !== 0 && at > before) || !options.has("GT")) &&
    (before === 0 || at < before || !options.has("LT"))
  );
}

function expire(unit: ExpiryUnit, name: string) {
  return (session: Session, request: Request): void => {
    const { reply, front } = session;
    const amount = request.integer(2);
    if (amount === undefined) {
      reply.error(NOT_AN_INTEGER);
      return;
    }
    const at = expiryTime(amount, unit, front.now());
    if (at === undefined) {
      reply.error(`ERR invalid expire time in '${name}' command`);
      return;
    }
    const before = expiryOf(session, request);
    const allowed = mayChangeExpiry(request, before, at);
    if (typeof allowed === "string") reply.error(allowed);
    else if (!allowed || before === -2) reply.integer(0);
    else {
      if (at <= front.now()) removeKey(session, request, 1);
      else setExpiry(session, request, at);
      reply.integer(1);
    }
  };
}

function persist(session: Session, request: Request): void {
  const before = expiryOf(session, request);
  if (before > 0) setExpiry(session, request, 0);
  session.reply.integer(before > 0 ? 1 : 0);
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
    findEntry(session, request, 2) !== 0 || findCollection(session, request, 2) !== undefined;
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

function scanFilter(session: Session, match?: Uint8Array, kind?: string): ScanFilter {
  const { user, keyspace } = session;
  return {
    keyspace,
    ...(match === undefined ? {} : { match }),
    ...(kind === undefined ? {} : { type: kind }),
    ...(user === undefined || user.mayUseAllKeys
      ? {}
      : { mayUseKey: (key: Uint8Array) => user.mayUseKey(key) }),
  };
}

function collectKeys(keys: Uint8Array[]) {
  return {
    block: (_entry: number, key: Buffer) => keys.push(Buffer.from(key)),
    collection: ({ key }: { key: string }) => keys.push(Buffer.from(key, "latin1")),
  };
}

function runScan(session: Session, request: Request): void {
  const { reply } = session;
  const cursor = request.integer(1);
  if (cursor === undefined || cursor < 0) {
    reply.error("ERR invalid cursor");
    return;
  }
  let count = 10;
  let match: Uint8Array | undefined;
  let kind: string | undefined;
  for (let index = 2; index < request.argc; index += 2) {
    if (index + 1 >= request.argc) {
      reply.error(SYNTAX_ERROR);
      return;
    }
    if (request.is(index, "MATCH")) match = request.view(index + 1);
    else if (request.is(index, "TYPE")) kind = request.text(index + 1).toLowerCase();
    else if (request.is(index, "COUNT")) count = request.integer(index + 1) ?? 0;
    else {
      reply.error(SYNTAX_ERROR);
      return;
    }
    if (count < 1) {
      reply.error(NOT_AN_INTEGER);
      return;
    }
  }
  const keys: Uint8Array[] = [];
  const next = scan(
    session.front,
    cursor,
    Math.min(count, 100_000),
    scanFilter(session, match, kind),
    collectKeys(keys),
  );
  reply.array(2);
  reply.bulk(String(next));
  reply.array(keys.length);
  for (const key of keys) reply.bulk(key);
}

function runKeys(session: Session, request: Request): void {
  const keys: Uint8Array[] = [];
  const filter = scanFilter(session, request.view(1));
  scan(session.front, 0, ALL_AT_ONCE, filter, collectKeys(keys));
  session.reply.array(keys.length);
  for (const key of keys) session.reply.bulk(key);
}

/** The first key from a random place on. */
function randomKey(session: Session): void {
  const { front, reply } = session;
  const keys: Uint8Array[] = [];
  const somewhere = 1 + Math.floor(Math.random() * front.ram.entries.end);
  for (const start of [somewhere, 0]) {
    let cursor = start;
    do cursor = scan(front, cursor, 1, scanFilter(session), collectKeys(keys));
    while (keys.length === 0 && cursor !== 0);
    if (keys.length > 0) break;
  }
  if (keys.length === 0) reply.nil();
  else reply.bulk(keys[0]);
}

function object(session: Session, request: Request): void {
  const { reply, front } = session;
  if (request.is(1, "HELP")) {
    reply.array(1);
    reply.bulk("OBJECT ENCODING|FREQ|IDLETIME|REFCOUNT <key>");
    return;
  }
  const entry = request.argc === 3 ? findEntry(session, request, 2) : 0;
  const collection = request.argc === 3 ? findCollection(session, request, 2) : undefined;
  const { ram } = front;
  if (request.argc !== 3) reply.error("ERR wrong number of arguments for 'object' command");
  else if (entry === 0 && collection === undefined) reply.nil();
  else if (request.is(1, "ENCODING"))
    reply.bulk(
      collection === undefined ? "raw" : collection.type === "list" ? "listpack" : "hashtable",
    );
  else if (request.is(1, "FREQ")) reply.integer(entry === 0 ? 0 : ram.entries.hits(entry));
  else if (request.is(1, "IDLETIME")) {
    const idleMs = entry === 0 ? front.now() - (collection?.usedAt ?? 0) : ram.idleMs(entry);
    reply.integer(Math.floor(idleMs / 1000));
  } else if (request.is(1, "REFCOUNT"))
    reply.integer(entry === 0 ? 1 : ram.slots.references(ram.entries.slot(entry)));
  else reply.error(`ERR unknown subcommand '${request.text(1)}'. Try OBJECT HELP.`);
}

const base = { group: "generic", keys: [1, 1, 1] } as const;
const many = { group: "generic", keys: [1, -1, 1] } as const;
const none = { group: "generic" } as const;

export const keyCommands: readonly CommandSpec[] = [
  {
    ...many,
    name: "exists",
    arity: -2,
    flags: ["readonly", "fast"],
    summary: "Counts the keys that are present, and spares them from eviction for a moment.",
    run: exists,
  },
  {
    ...many,
    name: "del",
    arity: -2,
    flags: ["write"],
    summary: "Removes keys; the other half of a pair goes with them.",
    run: del,
  },
  { ...many, name: "unlink", arity: -2, flags: ["write", "fast"], summary: "As DEL.", run: del },
  {
    ...many,
    name: "touch",
    arity: -2,
    flags: ["readonly", "fast"],
    summary: "Marks keys as used.",
    run: touch,
  },
  {
    ...base,
    name: "type",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Says what a key holds: string, list, hash or none.",
    run: type,
  },
  {
    ...base,
    name: "ttl",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Seconds until a key expires; -1 never, -2 no such key.",
    run: timeLeft((at, now) => Math.max(0, Math.round((at - now) / 1000))),
  },
  {
    ...base,
    name: "pttl",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Milliseconds until a key expires; -1 never, -2 no such key.",
    run: timeLeft((at, now) => Math.max(0, at - now)),
  },
  {
    ...base,
    name: "expiretime",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "When a key expires, in seconds since 1970.",
    run: timeLeft((at) => Math.floor(at / 1000)),
  },
  {
    ...base,
    name: "pexpiretime",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "When a key expires, in milliseconds since 1970.",
    run: timeLeft((at) => at),
  },
  {
    ...base,
    name: "expire",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Lets a key expire after some seconds; NX, XX, GT, LT.",
    run: expire("EX", "expire"),
  },
  {
    ...base,
    name: "pexpire",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Lets a key expire after some milliseconds.",
    run: expire("PX", "pexpire"),
  },
  {
    ...base,
    name: "expireat",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Lets a key expire at a time in seconds since 1970.",
    run: expire("EXAT", "expireat"),
  },
  {
    ...base,
    name: "pexpireat",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Lets a key expire at a time in milliseconds since 1970.",
    run: expire("PXAT", "pexpireat"),
  },
  {
    ...base,
    name: "persist",
    arity: 2,
    flags: ["write", "fast"],
    summary: "Takes a key's expiry away.",
    run: persist,
  },
  {
    group: "generic",
    keys: [1, 2, 1],
    name: "rename",
    arity: 3,
    flags: ["write"],
    summary: "Gives a key another name.",
    run: (session, request) => rename(session, request, false),
  },
  {
    group: "generic",
    keys: [1, 2, 1],
    name: "renamenx",
    arity: 3,
    flags: ["write"],
    summary: "Gives a key another name unless that is taken.",
    run: (session, request) => rename(session, request, true),
  },
  {
    ...none,
    name: "scan",
    arity: -2,
    flags: ["readonly"],
    summary: "Walks the keys with a cursor; MATCH, COUNT, TYPE.",
    run: runScan,
  },
  {
    ...none,
    name: "keys",
    arity: 2,
    flags: ["readonly"],
    summary: "All keys that match a pattern, at once; prefer SCAN.",
    run: runKeys,
  },
  {
    ...none,
    name: "randomkey",
    arity: 1,
    flags: ["readonly"],
    summary: "Some key, or nil.",
    run: randomKey,
  },
  {
    ...none,
    name: "dbsize",
    arity: 1,
    flags: ["readonly", "fast"],
    summary: "How many keys the selected database has.",
    run: ({ front, keyspace, reply }) =>
      reply.integer(front.ram.countOf(keyspace) + front.collections.countOf(keyspace)),
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
