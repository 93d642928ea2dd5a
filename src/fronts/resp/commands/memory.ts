import { formatBytes } from "../../../util/units.ts";
import type { Request } from "../../../wire/resp/request.ts";
import { ENTRY_ROW_BYTES } from "../../../tiers/ram/entry-table.ts";
import { SLOT_ROW_BYTES } from "../../../tiers/ram/slot-table.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";
import { findCollection, findPlace } from "../values.ts";

function usage(session: Session, request: Request): void {
  const { reply, front } = session;
  if (request.argc < 3) {
    reply.error("ERR wrong number of arguments for 'memory|usage' command");
    return;
  }
  const place = findPlace(session, request, 2);
  const collection = findCollection(session, request, 2);
  if (place > 0) {
    const { slots, entries } = front.ram;
    reply.integer(slots.bytes(entries.slot(place)) + SLOT_ROW_BYTES + ENTRY_ROW_BYTES);
  } else if (place < 0) reply.integer(front.tiers.length(place));
  else if (collection !== undefined) reply.integer(Math.round(collection.bytes));
  else {
    const { coded } = front;
    const [start, end] = [request.start(2), request.end(2)];
    const at = coded?.tiers.find(request.bytes, start, end, session.keyspace) ?? 0;
    if (at === 0) reply.nil();
    else reply.integer(coded!.tiers.length(at));
  }
}

function stats({ reply, front }: Session): void {
  const { ram, collections } = front;
  const { rss, heapUsed, external } = process.memoryUsage();
  const fields: Readonly<Record<string, number>> = {
    "total.allocated": ram.usedBytes + collections.bytes,
    "dataset.bytes": ram.valueBytes,
    "overhead.total": ram.usedBytes - ram.valueBytes,
    "keys.count": ram.entries.count + collections.size,
    "keys.bytes-per-key":
      ram.entries.count === 0 ? 0 : Math.round(ram.usedBytes / ram.entries.count),
    "inflight.bytes": ram.fillingBytes,
    "collections.bytes": Math.round(collections.bytes),
    "limit.bytes": ram.capacityBytes,
    "process.rss": rss,
    "process.heap": heapUsed,
    "process.external": external,
  };
  reply.map(Object.keys(fields).length);
  for (const [name, value] of Object.entries(fields)) {
    reply.bulk(name);
    reply.integer(value);
  }
}

function doctor({ reply, front }: Session): void {
  const { ram, collections } = front;
  const findings: string[] = [];
  const overhead = ram.usedBytes - ram.valueBytes;
  if (ram.usedBytes > 64 * 1024 ** 2 && overhead > ram.usedBytes / 4)
    findings.push(
      `${formatBytes(overhead)} of ${formatBytes(ram.usedBytes)} are overhead: values are small, or sizes differ much; larger chunks use memory better.`,
    );
  if (ram.counters.rejected > 0)
    findings.push(
      `${ram.counters.rejected} values found no room: ram-size is small for what is written at once, or readers are slow.`,
    );
  if (collections.evicted > 0)
    findings.push(
      `${collections.evicted} lists or hashes were dropped to stay within their limit.`,
    );
  reply.verbatim(
    findings.length === 0 ? "Nothing to complain about.\n" : `${findings.join("\n")}\n`,
  );
}

function memory(session: Session, request: Request): void {
  const { reply } = session;
  if (request.is(1, "USAGE")) usage(session, request);
  else if (request.is(1, "STATS")) stats(session);
  else if (request.is(1, "DOCTOR")) doctor(session);
  else if (request.is(1, "PURGE")) reply.ok();
  else if (request.is(1, "HELP")) {
    reply.array(1);
    reply.bulk("MEMORY USAGE key | STATS | DOCTOR | PURGE");
  } else reply.error(`ERR unknown subcommand '${request.text(1)}'. Try MEMORY HELP.`);
}

export const memoryCommands: readonly CommandSpec[] = [
  {
    name: "memory",
    arity: -2,
    flags: ["readonly"],
    keys: [2, 2, 1],
    group: "server",
    summary: "About memory: USAGE of a key, STATS, DOCTOR.",
    run: memory,
  },
];
