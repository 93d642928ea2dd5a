import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { type ExpiryUnit, expiryTime } from "../expiry.ts";
import type { Session } from "../session.ts";
import { NOT_AN_INTEGER, findCollection, findPlace, removeKey } from "../values.ts";

/** Expiry of argument 1 in ms since 1970; 0 for never, -2 for no such key. */
function expiryOf(session: Session, request: Request): number {
  const place = findPlace(session, request, 1);
  if (place !== 0) return session.front.tiers.expiresAt(place);
  return findCollection(session, request, 1)?.expiresAt ?? -2;
}

function timeLeft(answer: (at: number, now: number) => number) {
  return (session: Session, request: Request): void => {
    const at = expiryOf(session, request);
    session.reply.integer(at === -2 ? -2 : at === 0 ? -1 : answer(at, session.front.now()));
  };
}

function setExpiry(session: Session, request: Request, at: number): boolean {
  const place = findPlace(session, request, 1);
  if (place !== 0) {
    session.front.tiers.setExpiry(place, at);
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
const base = { group: "generic", keys: [1, 1, 1] } as const;

export const expiryCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "ttl",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Seconds until a key expires; -1 never, -2 no such key.",
    facts: () => 1,
    run: timeLeft((at, now) => Math.max(0, Math.round((at - now) / 1000))),
  },
  {
    ...base,
    name: "pttl",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Milliseconds until a key expires; -1 never, -2 no such key.",
    facts: () => 1,
    run: timeLeft((at, now) => Math.max(0, at - now)),
  },
  {
    ...base,
    name: "expiretime",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "When a key expires, in seconds since 1970.",
    facts: () => 1,
    run: timeLeft((at) => Math.floor(at / 1000)),
  },
  {
    ...base,
    name: "pexpiretime",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "When a key expires, in milliseconds since 1970.",
    facts: () => 1,
    run: timeLeft((at) => at),
  },
  {
    ...base,
    name: "expire",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Lets a key expire after some seconds; NX, XX, GT, LT.",
    facts: () => 1,
    run: expire("EX", "expire"),
  },
  {
    ...base,
    name: "pexpire",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Lets a key expire after some milliseconds.",
    facts: () => 1,
    run: expire("PX", "pexpire"),
  },
  {
    ...base,
    name: "expireat",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Lets a key expire at a time in seconds since 1970.",
    facts: () => 1,
    run: expire("EXAT", "expireat"),
  },
  {
    ...base,
    name: "pexpireat",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Lets a key expire at a time in milliseconds since 1970.",
    facts: () => 1,
    run: expire("PXAT", "pexpireat"),
  },
  {
    ...base,
    name: "persist",
    arity: 2,
    flags: ["write", "fast"],
    summary: "Takes a key's expiry away.",
    facts: () => 1,
    run: persist,
  },
];
