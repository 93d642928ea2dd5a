import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { type ExpiryUnit, expiryArgument } from "../expiry.ts";
import type { Session } from "../session.ts";
import {
  NOT_AN_INTEGER,
  SYNTAX_ERROR,
  WRONG_TYPE,
  countHit,
  countMiss,
  findCollection,
  findEntry,
  findPlace,
  isElsewhere,
  replyRead,
  replyValue,
  storeArgument,
  storeBytes,
  storeProblem,
} from "../values.ts";

/** APPEND copies the value each time: it is for small things. */
const LONGEST_APPENDED = 1024 ** 2;
const expiryUnits: readonly ExpiryUnit[] = ["EX", "PX", "EXAT", "PXAT"];

interface SetOptions {
  expiresAt: number;
  keepTtl: boolean;
  ifAbsent: boolean;
  ifPresent: boolean;
  get: boolean;
}

function setOptions(session: Session, request: Request): SetOptions | string {
  const options: SetOptions = {
    expiresAt: 0,
    keepTtl: false,
    ifAbsent: false,
    ifPresent: false,
    get: false,
  };
  for (let index = 3; index < request.argc; index++) {
    const unit = expiryUnits.find((word) => request.is(index, word));
    if (unit !== undefined && index + 1 < request.argc) {
      if (options.expiresAt !== 0 || options.keepTtl) return SYNTAX_ERROR;
      const at = expiryArgument(session, request, ++index, unit, "set");
      if (typeof at === "string") return at;
      options.expiresAt = at;
    } else if (request.is(index, "NX") && !options.ifPresent) options.ifAbsent = true;
    else if (request.is(index, "XX") && !options.ifAbsent) options.ifPresent = true;
    else if (request.is(index, "KEEPTTL") && options.expiresAt === 0) options.keepTtl = true;
    else if (request.is(index, "GET")) options.get = true;
    else return SYNTAX_ERROR;
  }
  return options;
}

function set(session: Session, request: Request): void {
  if (request.argc === 3) {
    finishSet(session, storeArgument(session, request, 1, 2, 0));
    return;
  }
  const { reply, front } = session;
  const options = setOptions(session, request);
  if (typeof options === "string") {
    dropBody(session, request, 2);
    reply.error(options);
    return;
  }
  const place = findPlace(session, request, 1);
  const collection = place === 0 ? findCollection(session, request, 1) : undefined;
  if (options.get && !replyOld(session, request, Math.max(0, place))) return;
  const present = place !== 0 || collection !== undefined || isElsewhere(session, request, 1);
  const refused = present ? options.ifAbsent : options.ifPresent;
  if (refused) {
    dropBody(session, request, 2);
    if (!options.get) reply.nil();
    return;
  }
  let { expiresAt } = options;
  if (options.keepTtl && place !== 0) expiresAt = front.tiers.expiresAt(place);
  const problem = storeArgument(session, request, 1, 2, expiresAt);
  if (!options.get) finishSet(session, problem);
}

function finishSet({ reply }: Session, problem: string | undefined): void {
  if (problem === undefined) reply.ok();
  else reply.error(problem);
}

function dropBody({ front }: Session, request: Request, index: number): void {
  const body = request.body(index);
  if (body !== undefined && body > 0) front.cancelSlot(body);
}

function dropBodies(session: Session, request: Request): void {
  for (let index = 2; index < request.argc; index++) dropBody(session, request, index);
}

function setWithExpiry(unit: ExpiryUnit, name: string) {
  return (session: Session, request: Request): void => {
    const at = expiryArgument(session, request, 2, unit, name);
    if (typeof at === "string") {
      dropBody(session, request, 3);
      session.reply.error(at);
    } else finishSet(session, storeArgument(session, request, 1, 3, at));
  };
}

function isPresent(session: Session, request: Request, index: number): boolean {
  return (
    findPlace(session, request, index) !== 0 ||
    findCollection(session, request, index) !== undefined ||
    isElsewhere(session, request, index)
  );
}

function setNx(session: Session, request: Request): void {
  if (isPresent(session, request, 1)) {
    dropBody(session, request, 2);
    session.reply.integer(0);
    return;
  }
  const problem = storeArgument(session, request, 1, 2, 0);
  if (problem === undefined) session.reply.integer(1);
  else session.reply.error(problem);
}

/** Replies with the value that is about to be replaced. False, and an error, when it cannot be. */
function replyOld(session: Session, request: Request, entry: number): boolean {
  const { reply } = session;
  const isCollection = entry === 0 && findCollection(session, request, 1) !== undefined;
  const problem = isCollection ? WRONG_TYPE : storeProblem(session, request, 1, 2);
  if (problem !== undefined) {
    dropBody(session, request, 2);
    reply.error(problem);
    return false;
  }
  if (entry === 0) reply.nil();
  else replyValue(session, entry);
  return true;
}

function getSet(session: Session, request: Request): void {
  if (replyOld(session, request, findEntry(session, request, 1)))
    storeArgument(session, request, 1, 2, 0);
}

function getDel(session: Session, request: Request): void {
  replyRead(session, request, 1);
  const place = findPlace(session, request, 1);
  if (place !== 0) session.front.tiers.remove(place);
}

function getEx(session: Session, request: Request): void {
  const { reply, front } = session;
  let at: number | string | undefined;
  if (request.argc === 3 && request.is(2, "PERSIST")) at = 0;
  else if (request.argc === 4) {
    const unit = expiryUnits.find((word) => request.is(2, word));
    at = unit === undefined ? SYNTAX_ERROR : expiryArgument(session, request, 3, unit, "getex");
  } else if (request.argc > 2) at = SYNTAX_ERROR;
  if (typeof at === "string") {
    reply.error(at);
    return;
  }
  replyRead(session, request, 1);
  const place = findPlace(session, request, 1);
  if (place !== 0 && at !== undefined) front.tiers.setExpiry(place, at);
}

function getRange(session: Session, request: Request): void {
  const { reply, front } = session;
  let start = request.integer(2);
  let end = request.integer(3);
  if (start === undefined || end === undefined) {
    reply.error(NOT_AN_INTEGER);
    return;
  }
  const entry = findEntry(session, request, 1);
  if (entry === 0) {
    if (findCollection(session, request, 1) !== undefined) reply.error(WRONG_TYPE);
    else {
      countMiss(session);
      reply.bulk("");
    }
    return;
  }
  countHit(session, entry);
  const value = front.ram.slots.value(front.ram.entries.slot(entry));
  if (start < 0) start = Math.max(0, value.length + start);
  if (end < 0) end = value.length + end;
  reply.bulk(value.subarray(start, Math.max(start, end + 1)));
}

function strlen(session: Session, request: Request): void {
  const { reply, front } = session;
  const place = findPlace(session, request, 1);
  if (place !== 0) reply.integer(front.tiers.length(place));
  else if (findCollection(session, request, 1) !== undefined) reply.error(WRONG_TYPE);
  else reply.integer(0);
}

function append(session: Session, request: Request): void {
  const { reply, front } = session;
  if (findCollection(session, request, 1) !== undefined) {
    reply.error(WRONG_TYPE);
    return;
  }
  const entry = findEntry(session, request, 1);
  const before =
    entry === 0 ? Buffer.alloc(0) : front.ram.slots.value(front.ram.entries.slot(entry));
  const length = before.length + request.length(2);
  if (length > LONGEST_APPENDED) {
    reply.error("ERR APPEND is for values of up to 1 MiB here; store a large value with SET");
    return;
  }
  const joined = Buffer.concat([before, request.view(2)]);
  const expiresAt = entry === 0 ? 0 : front.ram.entries.expiresAt(entry);
  const problem = storeBytes(session, request, 1, joined, 0, length, expiresAt);
  if (problem === undefined) reply.integer(length);
  else reply.error(problem);
}

function mget(session: Session, request: Request): void {
  const { front, reply } = session;
  reply.array(request.argc - 1);
  const found: number[] = [];
  for (let index = 1; index < request.argc; index++) {
    const entry = findEntry(session, request, index);
    if (entry === 0) {
      countMiss(session);
      reply.nil();
      continue;
    }
    front.hits++;
    replyValue(session, entry);
    found.push(entry);
  }
  // The first key of a chain is renewed last, so that it is evicted last.
  for (const entry of found.toReversed())
    // An expired half met on the way takes along the other, which may have been found before.
    if (front.ram.entries.isPresent(entry)) front.tiers.read(entry, front.bringing);
}

function storePairs(session: Session, request: Request): string | undefined {
  const { front } = session;
  let problem: string | undefined;
  const before = front.ram.entries.lastVersion;
  for (let index = request.argc - 2; index > 0; index -= 2) {
    const entry = findEntry(session, request, index);
    if (entry !== 0 && front.ram.entries.version(entry) > before) {
      // The same key came later in this request, and the last one wins.
      dropBody(session, request, index + 1);
      continue;
    }
    problem = storeArgument(session, request, index, index + 1, 0) ?? problem;
  }
  return problem;
}

function mset(session: Session, request: Request): void {
  if (request.argc % 2 === 0) {
    dropBodies(session, request);
    session.reply.error("ERR wrong number of arguments for 'mset' command");
    return;
  }
  finishSet(session, storePairs(session, request));
}

function msetNx(session: Session, request: Request): void {
  const { reply } = session;
  if (request.argc % 2 === 0) {
    dropBodies(session, request);
    reply.error("ERR wrong number of arguments for 'msetnx' command");
    return;
  }
  let present = false;
  for (let index = 1; index < request.argc; index += 2)
    if (isPresent(session, request, index)) present = true;
  if (present) {
    dropBodies(session, request);
    reply.integer(0);
    return;
  }
  const problem = storePairs(session, request);
  if (problem === undefined) reply.integer(1);
  else reply.error(problem);
}

const secondValue = (index: number): boolean => index === 2;
const thirdValue = (index: number): boolean => index === 3;
const everyOther = (index: number): boolean => index >= 2 && index % 2 === 0;

/** That the value of the first argument is needed. */
const firstKey = (): number => 1;

function oldValue(request: Request): number {
  for (let index = 3; index < request.argc; index++) if (request.is(index, "GET")) return 1;
  return 0;
}

/** SET with NX or XX has to know whether there is a value. */
function condition(request: Request): number {
  for (let index = 3; index < request.argc; index++)
    if (request.is(index, "NX") || request.is(index, "XX")) return 1;
  return 0;
}

const base = { group: "string" } as const;

export const stringCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "get",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [1, 1, 1],
    summary: "Returns a value, or nil.",
    values: firstKey,
    run: (session, request) => replyRead(session, request, 1),
  },
  {
    ...base,
    name: "set",
    arity: -3,
    flags: ["write"],
    keys: [1, 1, 1],
    summary: "Stores a value, with EX, PX, EXAT, PXAT, KEEPTTL, NX, XX and GET.",
    block: secondValue,
    values: oldValue,
    presence: condition,
    run: set,
  },
  {
    ...base,
    name: "setex",
    arity: 4,
    flags: ["write"],
    keys: [1, 1, 1],
    summary: "Stores a value for some seconds.",
    block: thirdValue,
    run: setWithExpiry("EX", "setex"),
  },
  {
    ...base,
    name: "psetex",
    arity: 4,
    flags: ["write"],
    keys: [1, 1, 1],
    summary: "Stores a value for some milliseconds.",
    block: thirdValue,
    run: setWithExpiry("PX", "psetex"),
  },
  {
    ...base,
    name: "setnx",
    arity: 3,
    flags: ["write", "fast"],
    keys: [1, 1, 1],
    summary: "Stores a value unless the key is present.",
    block: secondValue,
    presence: firstKey,
    run: setNx,
  },
  {
    ...base,
    name: "getset",
    arity: 3,
    flags: ["write", "fast"],
    keys: [1, 1, 1],
    summary: "Stores a value and returns the one before.",
    block: secondValue,
    values: firstKey,
    run: getSet,
  },
  {
    ...base,
    name: "getdel",
    arity: 2,
    flags: ["write", "fast"],
    keys: [1, 1, 1],
    summary: "Returns a value and removes it.",
    values: firstKey,
    run: getDel,
  },
  {
    ...base,
    name: "getex",
    arity: -2,
    flags: ["write", "fast"],
    keys: [1, 1, 1],
    summary: "Returns a value and changes its expiry.",
    values: firstKey,
    run: getEx,
  },
  {
    ...base,
    name: "getrange",
    arity: 4,
    flags: ["readonly"],
    keys: [1, 1, 1],
    summary: "Returns part of a value.",
    values: firstKey,
    run: getRange,
  },
  {
    ...base,
    name: "substr",
    arity: 4,
    flags: ["readonly"],
    keys: [1, 1, 1],
    summary: "Returns part of a value (the old name of GETRANGE).",
    values: firstKey,
    run: getRange,
  },
  {
    ...base,
    name: "strlen",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [1, 1, 1],
    summary: "Returns the length of a value.",
    facts: firstKey,
    run: strlen,
  },
  {
    ...base,
    name: "append",
    arity: 3,
    flags: ["write", "fast"],
    keys: [1, 1, 1],
    summary: "Appends to a small value.",
    values: firstKey,
    run: append,
  },
  {
    ...base,
    name: "mget",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: [1, -1, 1],
    summary: "Returns several values.",
    values: (request) => request.argc - 1,
    run: mget,
  },
  {
    ...base,
    name: "mset",
    arity: -3,
    flags: ["write"],
    keys: [1, -1, 2],
    summary: "Stores several values.",
    block: everyOther,
    run: mset,
  },
  {
    ...base,
    name: "msetnx",
    arity: -3,
    flags: ["write"],
    keys: [1, -1, 2],
    summary: "Stores several values if none of the keys is present.",
    block: everyOther,
    run: msetNx,
  },
];
