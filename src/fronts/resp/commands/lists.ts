import type { Request } from "../../../wire/resp/request.ts";
import { ELEMENT_BYTES, type ListValue } from "../collections.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";
import { NOT_AN_INTEGER, WRONG_TYPE, findCollection, findEntry } from "../values.ts";

/** The list of argument 1; `undefined` when there is none; replies WRONGTYPE and returns null else. */
function findList(session: Session, request: Request): ListValue | undefined | null {
  const collection = findCollection(session, request, 1);
  if (collection?.type === "list") return collection;
  if (collection === undefined && findEntry(session, request, 1) === 0) return undefined;
  session.reply.error(WRONG_TYPE);
  return null;
}

function push(atEnd: boolean) {
  return (session: Session, request: Request): void => {
    const { collections } = session.front;
    let bytes = 0;
    for (let index = 2; index < request.argc; index++)
      bytes += request.length(index) + ELEMENT_BYTES;
    const found = findList(session, request);
    if (found === null) return;
    if (!collections.hasRoomFor(found, bytes)) {
      session.reply.error(collections.fullMessage);
      return;
    }
    const list = found ?? collections.createList(request.latin1(1), session.keyspace);
    for (let index = 2; index < request.argc; index++) {
      const item = Buffer.from(request.view(index));
      if (atEnd) list.items.push(item);
      else list.items.unshift(item);
    }
    collections.changed(list, bytes);
    session.reply.integer(list.items.length);
  };
}

function pop(atEnd: boolean) {
  return (session: Session, request: Request): void => {
    const { reply, front } = session;
    const count = request.argc > 2 ? request.integer(2) : 1;
    if (count === undefined || count < 0 || request.argc > 3) {
      reply.error("ERR value is out of range, must be positive");
      return;
    }
    const list = findList(session, request);
    if (list === null) return;
    if (list === undefined) {
      if (request.argc > 2) reply.nilArray();
      else reply.nil();
      return;
    }
    const { items } = list;
    const popped = atEnd
      ? items.splice(Math.max(0, items.length - count)).toReversed()
      : items.splice(0, count);
    if (popped.length > 0) front.collections.changed(list, -sizeOf(popped));
    if (request.argc > 2) {
      reply.array(popped.length);
      for (const item of popped) reply.bulk(item);
    } else reply.bulk(popped[0]);
  };
}

function sizeOf(items: readonly Buffer[]): number {
  return items.reduce((sum, item) => sum + item.length + ELEMENT_BYTES, 0);
}

/** Arguments 2 and 3 as the bounds of a slice of `length` elements, the end not included. */
function bounds(request: Request, length: number): [number, number] | undefined {
  const start = request.integer(2);
  const end = request.integer(3);
  if (start === undefined || end === undefined) return undefined;
  const from = start < 0 ? Math.max(0, length + start) : start;
  const to = end < 0 ? length + end + 1 : Math.min(length, end + 1);
  return [from, Math.max(from, to)];
}

function range(session: Session, request: Request): void {
  const { reply } = session;
  const list = findList(session, request);
  if (list === null) return;
  const slice = bounds(request, list?.items.length ?? 0);
  if (slice === undefined) {
    reply.error(NOT_AN_INTEGER);
    return;
  }
  const items = list?.items.slice(...slice) ?? [];
  reply.array(items.length);
  for (const item of items) reply.bulk(item);
}

function trim(session: Session, request: Request): void {
  const { reply, front } = session;
  const list = findList(session, request);
  if (list === null) return;
  const slice = bounds(request, list?.items.length ?? 0);
  if (slice === undefined) {
    reply.error(NOT_AN_INTEGER);
    return;
  }
  if (list !== undefined) {
    const before = sizeOf(list.items);
    list.items = list.items.slice(...slice);
    front.collections.changed(list, sizeOf(list.items) - before);
  }
  reply.ok();
}

function remove(session: Session, request: Request): void {
  const { reply, front } = session;
  const count = request.integer(2);
  if (count === undefined) {
    reply.error(NOT_AN_INTEGER);
    return;
  }
  const list = findList(session, request);
  if (list === null) return;
  if (list === undefined) {
    reply.integer(0);
    return;
  }
  const wanted = request.view(3);
  let left = count === 0 ? list.items.length : Math.abs(count);
  const keep = (item: Buffer): boolean => left === 0 || !item.equals(wanted) || left-- <= 0;
  const before = list.items;
  list.items = count < 0 ? before.toReversed().filter(keep).toReversed() : before.filter(keep);
  const removed = before.length - list.items.length;
  if (removed > 0) front.collections.changed(list, sizeOf(list.items) - sizeOf(before));
  reply.integer(removed);
}

function length(session: Session, request: Request): void {
  const list = findList(session, request);
  if (list !== null) session.reply.integer(list?.items.length ?? 0);
}

function index(session: Session, request: Request): void {
  const { reply } = session;
  const at = request.integer(2);
  if (at === undefined) {
    reply.error(NOT_AN_INTEGER);
    return;
  }
  const list = findList(session, request);
  if (list === null) return;
  const item = list?.items.at(at);
  if (item === undefined) reply.nil();
  else reply.bulk(item);
}

const base = { group: "list", keys: [1, 1, 1] } as const;

export const listCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "rpush",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Appends to a list.",
    run: push(true),
  },
  {
    ...base,
    name: "lpush",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Puts in front of a list.",
    run: push(false),
  },
  {
    ...base,
    name: "lpop",
    arity: -2,
    flags: ["write", "fast"],
    summary: "Takes from a list's front.",
    run: pop(false),
  },
  {
    ...base,
    name: "rpop",
    arity: -2,
    flags: ["write", "fast"],
    summary: "Takes from a list's end.",
    run: pop(true),
  },
  {
    ...base,
    name: "lrange",
    arity: 4,
    flags: ["readonly"],
    summary: "Part of a list.",
    run: range,
  },
  {
    ...base,
    name: "lindex",
    arity: 3,
    flags: ["readonly"],
    summary: "One element of a list.",
    run: index,
  },
  {
    ...base,
    name: "llen",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Length of a list.",
    run: length,
  },
  {
    ...base,
    name: "ltrim",
    arity: 4,
    flags: ["write"],
    summary: "Keeps only part of a list.",
    run: trim,
  },
  {
    ...base,
    name: "lrem",
    arity: 4,
    flags: ["write"],
    summary: "Removes elements that equal a value.",
    run: remove,
  },
];
