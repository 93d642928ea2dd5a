import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";
import { elsewhere, findCollection, findEntry, wasUnanswered } from "../values.ts";

/** For each key where it is, or what is known of its leaving. */
function why(session: Session, request: Request): void {
  session.reply.array(request.argc - 1);
  for (let index = 1; index < request.argc; index++) {
    const words = whereIs(session, request, index) ?? whyGone(session, request, index);
    session.reply.array(words.length);
    for (const word of words)
      if (typeof word === "number") session.reply.integer(word);
      else session.reply.bulk(word);
  }
}

function whereIs(
  session: Session,
  request: Request,
  index: number,
): (string | number)[] | undefined {
  const { tiers } = session.front;
  const [start, end] = [request.start(index), request.end(index)];
  const inRam = findEntry(session, request, index) !== 0;
  const isBelow = (tiers.lower?.find(request.bytes, start, end, session.keyspace) ?? 0) !== 0;
  if (inRam || isBelow)
    return ["present", ...(inRam ? ["ram"] : []), ...(isBelow ? [tiers.lower!.name] : [])];
  const collection = findCollection(session, request, index);
  if (collection !== undefined) return ["present", collection.type];
  const remote = elsewhere(session, request, index);
  return remote === undefined ? undefined : ["present", remote];
}

/** The last that is known of it; `unanswered` behind it when another machine may have it all the same. */

function whyGone(session: Session, request: Request, index: number): (string | number)[] {
  const known = lastKnown(session, request, index);
  return wasUnanswered(session) ? [...known, "unanswered"] : known;
}

function lastKnown(session: Session, request: Request, index: number): (string | number)[] {
  const { front, keyspace } = session;
  const { departures } = front.ram;
  if (departures === undefined) return ["unknown", front.now()];
  const [start, end] = [request.start(index), request.end(index)];
  const left = departures.find(request.bytes, start, end, keyspace);
  if (left !== undefined) return ["left", left.tier, left.reason, left.at, left.idleMs];
  const clearedAt = departures.clearedAt(keyspace);
  return clearedAt >= departures.since ? ["cleared", clearedAt] : ["unknown", departures.since];
}

export const whyCommands: readonly CommandSpec[] = [
  {
    name: "kw.why",
    group: "keepwarm",
    arity: -2,
    keys: [1, -1, 1],
    flags: ["readonly", "fast"],
    summary: "Where each key is, or when and why it left, as far as that is remembered.",
    presence: (request) => request.argc - 1,
    run: why,
  },
];
