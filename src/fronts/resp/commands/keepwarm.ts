import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { scan } from "../cursor.ts";
import type { Session } from "../session.ts";
import { serverStats } from "../stats.ts";
import { findEntry } from "../values.ts";

/** One present key in a row after the other, from the first: the prefix hit of a chain. */
function match(session: Session, request: Request): void {
  const { front, reply } = session;
  const found: number[] = [];
  for (let index = 1; index < request.argc; index++) {
    const entry = findEntry(session, request, index);
    if (entry === 0) break;
    found.push(entry);
  }
  for (const entry of found.toReversed()) front.ram.protect(entry);
  reply.integer(found.length);
}

function scanEntries(session: Session, request: Request): void {
  const { front, reply, keyspace, user } = session;
  const cursor = request.integer(1);
  let count = 100;
  let pattern: Uint8Array | undefined;
  for (let index = 2; index + 1 < request.argc; index += 2)
    if (request.is(index, "MATCH")) pattern = request.view(index + 1);
    else if (request.is(index, "COUNT")) count = request.integer(index + 1) ?? 0;
    else count = 0;
  if (cursor === undefined || cursor < 0 || count < 1 || request.argc % 2 !== 0) {
    reply.error("ERR usage: KW.SCAN cursor [MATCH pattern] [COUNT count]");
    return;
  }
  const { entries, slots } = front.ram;
  const rows: {
    key: Buffer;
    bytes: number;
    expiresAt: number;
    idleMs: number;
    hits: number;
    tier: string;
  }[] = [];
  const next = scan(
    front,
    cursor,
    Math.min(count, 100_000),
    {
      keyspace,
      ...(pattern === undefined ? {} : { match: pattern }),
      mayUseKey: (key) => user?.mayUseKey(key) === true,
    },
    {
      block: (entry, key) =>
        rows.push({
          key: Buffer.from(key),
          bytes: slots.length(entries.slot(entry)),
          expiresAt: entries.expiresAt(entry),
          idleMs: front.ram.idleMs(entry),
          hits: entries.hits(entry),
          tier: "ram",
        }),
      collection: ({ key, bytes, expiresAt, usedAt, type }) =>
        rows.push({
          key: Buffer.from(key, "latin1"),
          bytes,
          expiresAt,
          idleMs: Math.max(0, front.now() - usedAt),
          hits: 0,
          tier: type,
        }),
    },
  );
  reply.array(2);
  reply.bulk(String(next));
  reply.array(rows.length);
  for (const row of rows) {
    reply.array(6);
    reply.bulk(row.key);
    reply.integer(row.bytes);
    reply.integer(row.expiresAt === 0 ? -1 : Math.max(0, row.expiresAt - front.now()));
    reply.integer(row.idleMs);
    reply.integer(row.hits);
    reply.bulk(row.tier);
  }
}

const base = { group: "keepwarm" } as const;

export const keepwarmCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "kw.match",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: [1, -1, 1],
    summary: "How many of the keys are present in a row, from the first: a chain's prefix hit.",
    run: match,
  },
  {
    ...base,
    name: "kw.scan",
    arity: -2,
    flags: ["readonly"],
    summary: "As SCAN, with bytes, TTL and idle time in ms, hits and tier of each key.",
    run: scanEntries,
  },
  {
    ...base,
    name: "kw.stats",
    arity: 1,
    flags: ["readonly"],
    summary: "All figures of this server as JSON.",
    run: ({ front, reply }) => reply.bulk(JSON.stringify(serverStats(front))),
  },
];
