import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import {
  START,
  type ScanFilter,
  formatCursor,
  parseCursor,
  randomCursor,
  scan,
} from "../cursor.ts";
import type { Session } from "../session.ts";
import { NOT_AN_INTEGER, SYNTAX_ERROR } from "../values.ts";

const ALL_AT_ONCE = Number.MAX_SAFE_INTEGER / 128;

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
    block: (_place: number, key: Buffer) => keys.push(Buffer.from(key)),
    collection: ({ key }: { key: string }) => keys.push(Buffer.from(key, "latin1")),
  };
}

function runScan(session: Session, request: Request): void {
  const { reply } = session;
  const cursor = parseCursor(request.latin1(1));
  if (cursor === undefined) {
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
  reply.bulk(formatCursor(next));
  reply.array(keys.length);
  for (const key of keys) reply.bulk(key);
}

function runKeys(session: Session, request: Request): void {
  const keys: Uint8Array[] = [];
  const filter = scanFilter(session, request.view(1));
  scan(session.front, START, ALL_AT_ONCE, filter, collectKeys(keys));
  session.reply.array(keys.length);
  for (const key of keys) session.reply.bulk(key);
}

/** The first key from a random place on. */
function randomKey(session: Session): void {
  const { front, reply } = session;
  const keys: Uint8Array[] = [];
  for (const start of [randomCursor(front), START]) {
    let cursor = start;
    do cursor = scan(front, cursor, 1, scanFilter(session), collectKeys(keys));
    while (keys.length === 0 && cursor !== START);
    if (keys.length > 0) break;
  }
  if (keys.length === 0) reply.nil();
  else reply.bulk(keys[0]);
}
const base = { group: "generic" } as const;

export const scanCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "scan",
    arity: -2,
    flags: ["readonly"],
    summary: "Walks the keys with a cursor; MATCH, COUNT, TYPE.",
    run: runScan,
  },
  {
    ...base,
    name: "keys",
    arity: 2,
    flags: ["readonly"],
    summary: "All keys that match a pattern, at once; prefer SCAN.",
    run: runKeys,
  },
  {
    ...base,
    name: "randomkey",
    arity: 1,
    flags: ["readonly"],
    summary: "Some key, or nil.",
    run: randomKey,
  },
  {
    ...base,
    name: "dbsize",
    arity: 1,
    flags: ["readonly", "fast"],
    summary: "How many keys the selected database has.",
    run: ({ front, keyspace, reply }) =>
      reply.integer(front.tiers.countOf(keyspace) + front.collections.countOf(keyspace)),
  },
];
