import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";
import { elsewhere, findEntry, findPlace } from "../values.ts";

/** What {@link CommandSpec.values} brought up is in RAM now; what was there is renewed. */
function warm(session: Session, request: Request): void {
  const { ram, reply } = session.front;
  let warmed = 0;
  // Backwards, so that the first of a chain is the most recent.
  for (let index = request.argc - 1; index > 0; index--) {
    const entry = findEntry(session, request, index);
    if (entry === 0) continue;
    ram.touch(entry);
    warmed++;
  }
  reply.integer(warmed);
}

function demote(session: Session, request: Request): void {
  const { tiers, ram, reply } = session.front;
  const entries = new Set<number>();
  for (let index = 1; index < request.argc; index++)
    entries.add(findEntry(session, request, index));
  entries.delete(0);
  let demoted = 0;
  // A pair leaves together: one that is gone already left with its other half.
  for (const entry of entries) if (!ram.entries.isPresent(entry) || tiers.demote(entry)) demoted++;
  reply.integer(demoted);
}

function setPinned(session: Session, request: Request, pinned: boolean): void {
  const { tiers, reply } = session.front;
  let changed = 0;
  for (let index = 1; index < request.argc; index++) {
    const place = findPlace(session, request, index);
    if (place === 0) continue;
    tiers.setPinned(place, pinned);
    changed++;
  }
  reply.integer(changed);
}

/**
 * For each key the tiers that have it, the nearest first, and `pinned` if it is; for one that is nowhere
 * here the store on another machine that has it.
 */
function where(session: Session, request: Request): void {
  const { keyspace, front } = session;
  const { tiers, reply } = front;
  reply.array(request.argc - 1);
  for (let index = 1; index < request.argc; index++) {
    const [start, end] = [request.start(index), request.end(index)];
    const entry = findEntry(session, request, index);
    const row = tiers.lower?.find(request.bytes, start, end, keyspace) ?? 0;
    const words: string[] = [];
    if (entry !== 0) words.push("ram");
    if (row !== 0) words.push(tiers.lower!.name);
    const place = entry === 0 ? -row : entry;
    if (place !== 0 && tiers.isPinned(place)) words.push("pinned");
    const remote = place === 0 ? elsewhere(session, request, index) : undefined;
    if (remote !== undefined) words.push(remote);
    reply.array(words.length);
    for (const word of words) reply.bulk(word);
  }
}

const base = { group: "keepwarm", arity: -2, keys: [1, -1, 1] } as const;

export const tierCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "kw.warm",
    flags: ["readonly"],
    summary: "Brings values up to RAM; how many of the keys are there now.",
    values: (request) => request.argc - 1,
    run: warm,
  },
  {
    ...base,
    name: "kw.demote",
    flags: ["write", "fast"],
    summary: "Lets values leave RAM that are on disk as well; how many have left.",
    run: demote,
  },
  {
    ...base,
    name: "kw.pin",
    flags: ["write", "fast"],
    summary: "Keys that are not to be evicted; how many were there.",
    run: (session, request) => setPinned(session, request, true),
  },
  {
    ...base,
    name: "kw.unpin",
    flags: ["write", "fast"],
    summary: "Keys that may be evicted again; how many were there.",
    run: (session, request) => setPinned(session, request, false),
  },
  {
    ...base,
    name: "kw.where",
    flags: ["readonly", "fast"],
    summary: "In which tiers each key is, the nearest first, and whether it is pinned.",
    presence: (request) => request.argc - 1,
    run: where,
  },
];
