import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { blockRows } from "../block-rows.ts";
import type { Session } from "../session.ts";
import { serverStats } from "../stats.ts";
import { findPlace, isElsewhere } from "../values.ts";

/** One present key in a row after the other, from the first: the prefix hit of a chain. */
function match(session: Session, request: Request): void {
  const { tiers } = session.front;
  const found: number[] = [];
  for (let index = 1; index < request.argc; index++) {
    const place = findPlace(session, request, index);
    if (place === 0 && !isElsewhere(session, request, index)) break;
    found.push(place);
  }
  for (const place of found.toReversed())
    if (place !== 0 && tiers.isPresent(place)) tiers.protect(place);
  tiers.prefetch(found);
  session.reply.integer(found.length);
}

function scanEntries(session: Session, request: Request): void {
  const { front, reply, keyspace, user } = session;
  let count = 100;
  let pattern: Uint8Array | undefined;
  for (let index = 2; index + 1 < request.argc; index += 2)
    if (request.is(index, "MATCH")) pattern = request.view(index + 1);
    else if (request.is(index, "COUNT")) count = request.integer(index + 1) ?? 0;
    else count = 0;
  const page =
    count < 1 || request.argc % 2 !== 0
      ? undefined
      : blockRows(front, request.latin1(1), Math.min(count, 100_000), {
          keyspace,
          ...(pattern === undefined ? {} : { match: pattern }),
          mayUseKey: (key) => user?.mayUseKey(key) === true,
        });
  if (page === undefined) {
    reply.error("ERR usage: KW.SCAN cursor [MATCH pattern] [COUNT count]");
    return;
  }
  reply.array(2);
  reply.bulk(page.next);
  reply.array(page.rows.length);
  for (const row of page.rows) {
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
    presence: (request) => request.argc - 1,
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
