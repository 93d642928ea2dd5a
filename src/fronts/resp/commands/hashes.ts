import type { Request } from "../../../wire/resp/request.ts";
import { ELEMENT_BYTES, type HashValue } from "../collections.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";
import { WRONG_TYPE, findCollection, findEntry } from "../values.ts";

/** The hash of argument 1; `undefined` when there is none; replies WRONGTYPE and returns null else. */
function findHash(session: Session, request: Request): HashValue | undefined | null {
  const collection = findCollection(session, request, 1);
  if (collection?.type === "hash") return collection;
  if (collection === undefined && findEntry(session, request, 1) === 0) return undefined;
  session.reply.error(WRONG_TYPE);
  return null;
}

function set(session: Session, request: Request, answer: (added: number) => void): void {
  const { collections } = session.front;
  if (request.argc % 2 !== 0) {
    const name = request.text(0).toLowerCase();
    session.reply.error(`ERR wrong number of arguments for '${name}' command`);
    return;
  }
  const found = findHash(session, request);
  if (found === null) return;
  let bytes = 0;
  for (let index = 2; index < request.argc; index++) bytes += request.length(index);
  if (!collections.hasRoomFor(found, bytes + (request.argc / 2) * ELEMENT_BYTES)) {
    session.reply.error(collections.fullMessage);
    return;
  }
  const hash = found ?? collections.createHash(request.latin1(1), session.keyspace);
  let added = 0;
  let change = 0;
  for (let index = 2; index < request.argc; index += 2) {
    const field = request.latin1(index);
    const value = Buffer.from(request.view(index + 1));
    const before = hash.fields.get(field);
    if (before === undefined) {
      added++;
      change += field.length + ELEMENT_BYTES;
    } else change -= before.length;
    change += value.length;
    hash.fields.set(field, value);
  }
  collections.changed(hash, change);
  answer(added);
}

function get(session: Session, request: Request): void {
  const hash = findHash(session, request);
  if (hash === null) return;
  const value = hash?.fields.get(request.latin1(2));
  if (value === undefined) session.reply.nil();
  else session.reply.bulk(value);
}

function getMany(session: Session, request: Request): void {
  const hash = findHash(session, request);
  if (hash === null) return;
  session.reply.array(request.argc - 2);
  for (let index = 2; index < request.argc; index++) {
    const value = hash?.fields.get(request.latin1(index));
    if (value === undefined) session.reply.nil();
    else session.reply.bulk(value);
  }
}

function getAll(session: Session, request: Request): void {
  const hash = findHash(session, request);
  if (hash === null) return;
  session.reply.map(hash?.fields.size ?? 0);
  for (const [field, value] of hash?.fields ?? []) {
    session.reply.bulk(Buffer.from(field, "latin1"));
    session.reply.bulk(value);
  }
}

function keysOf(session: Session, request: Request): void {
  const hash = findHash(session, request);
  if (hash === null) return;
  session.reply.array(hash?.fields.size ?? 0);
  for (const field of hash?.fields.keys() ?? []) session.reply.bulk(Buffer.from(field, "latin1"));
}

function remove(session: Session, request: Request): void {
  const hash = findHash(session, request);
  if (hash === null) return;
  let removed = 0;
  let change = 0;
  for (let index = 2; hash !== undefined && index < request.argc; index++) {
    const field = request.latin1(index);
    const value = hash.fields.get(field);
    if (value === undefined) continue;
    hash.fields.delete(field);
    removed++;
    change -= field.length + value.length + ELEMENT_BYTES;
  }
  if (hash !== undefined && removed > 0) session.front.collections.changed(hash, change);
  session.reply.integer(removed);
}

const base = { group: "hash", keys: [1, 1, 1] } as const;

export const hashCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "hset",
    arity: -4,
    flags: ["write", "fast"],
    summary: "Sets fields of a hash.",
    run: (session, request) => set(session, request, (added) => session.reply.integer(added)),
  },
  {
    ...base,
    name: "hmset",
    arity: -4,
    flags: ["write", "fast"],
    summary: "Sets fields of a hash (the old form of HSET).",
    run: (session, request) => set(session, request, () => session.reply.ok()),
  },
  {
    ...base,
    name: "hget",
    arity: 3,
    flags: ["readonly", "fast"],
    summary: "One field of a hash.",
    run: get,
  },
  {
    ...base,
    name: "hmget",
    arity: -3,
    flags: ["readonly", "fast"],
    summary: "Several fields of a hash.",
    run: getMany,
  },
  {
    ...base,
    name: "hgetall",
    arity: 2,
    flags: ["readonly"],
    summary: "All fields of a hash.",
    run: getAll,
  },
  {
    ...base,
    name: "hkeys",
    arity: 2,
    flags: ["readonly"],
    summary: "The names of all fields of a hash.",
    run: keysOf,
  },
  {
    ...base,
    name: "hdel",
    arity: -3,
    flags: ["write", "fast"],
    summary: "Removes fields of a hash.",
    run: remove,
  },
  {
    ...base,
    name: "hlen",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "How many fields a hash has.",
    run: (session, request) => {
      const hash = findHash(session, request);
      if (hash !== null) session.reply.integer(hash?.fields.size ?? 0);
    },
  },
  {
    ...base,
    name: "hexists",
    arity: 3,
    flags: ["readonly", "fast"],
    summary: "Whether a hash has a field.",
    run: (session, request) => {
      const hash = findHash(session, request);
      if (hash !== null) session.reply.integer(hash?.fields.has(request.latin1(2)) ? 1 : 0);
    },
  },
];
