import { MAX_KEY_BYTES } from "../../store/contract.ts";
import { formatBytes } from "../../util/units.ts";
import { NO_ROOM, TOO_LARGE } from "../../tiers/ram/ram-tier.ts";
import type { Request } from "../../wire/resp/request.ts";
import type { Collection } from "./collections.ts";
import type { Session } from "./session.ts";

export const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
export const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
export const SYNTAX_ERROR = "ERR syntax error";

const NO_ROOM_FOR_IT =
  "ERR no memory came free for the value in time, so it is not stored: store it again, or give the server more (ram-size)";

/** Up to this many bytes a framed value is copied among the replies; beyond, sent from its slot. */
const COPIED_FRAME_BYTES = 16 * 1024;

/** The entry of argument `index` in RAM, or 0. */
export function findEntry({ front, keyspace }: Session, request: Request, index: number): number {
  return front.ram.find(request.bytes, request.start(index), request.end(index), keyspace);
}

/** Where argument `index` is, in RAM or below it, or 0: a place in the chain of tiers. */
export function findPlace({ front, keyspace }: Session, request: Request, index: number): number {
  return front.tiers.find(request.bytes, request.start(index), request.end(index), keyspace);
}

/** Whether argument `index`, which is in no tier, is in another store that was asked. */
export function isElsewhere(session: Session, request: Request, index: number): boolean {
  return elsewhere(session, request, index) !== undefined;
}

/** The name of the store that was asked and has argument `index`, which is in no tier. */
export function elsewhere(
  { front, keyspace }: Session,
  request: Request,
  index: number,
): string | undefined {
  const { bringing, tiers } = front;
  if (bringing === undefined) return undefined;
  return tiers.elsewhere(
    request.bytes,
    request.start(index),
    request.end(index),
    keyspace,
    bringing,
  );
}

/** Whether stores on other machines were asked for something and have not answered in time. */
export function wasUnanswered({ front }: Session): boolean {
  return (front.bringing?.pending ?? 0) > 0;
}

/** The list or hash of argument `index`. */
export function findCollection(
  { front, keyspace }: Session,
  request: Request,
  index: number,
): Collection | undefined {
  return front.collections.size === 0
    ? undefined
    : front.collections.find(request.latin1(index), keyspace);
}

/** Replies with the value of an entry that {@link findEntry} gave; does not count as a read. */
export function replyValue({ front, reply }: Session, entry: number): void {
  const { slots, entries } = front.ram;
  const slot = entries.slot(entry);
  const length = slots.frameLength(slot);
  if (length <= COPIED_FRAME_BYTES) {
    const start = slots.frameOffset(slot);
    reply.raw(slots.piece(slot), start, start + length);
  } else {
    slots.retain(slot);
    reply.reference(slots.frame(slot), slot);
  }
}

/** Counts and replies a read of argument `index`: its value, nil, or WRONGTYPE. */
export function replyRead(session: Session, request: Request, index: number): void {
  const { reply } = session;
  const entry = findEntry(session, request, index);
  if (entry !== 0) {
    countHit(session, entry);
    replyValue(session, entry);
  } else if (findCollection(session, request, index) !== undefined) reply.error(WRONG_TYPE);
  else {
    countMiss(session);
    reply.nil();
  }
}

/** Counts a read of an entry that {@link findEntry} gave. */
export function countHit({ front }: Session, entry: number): void {
  front.hits++;
  front.tiers.read(entry, front.bringing);
}

export function countMiss({ front }: Session): void {
  front.misses++;
  front.tiers.countMiss();
}

/**
 * Stores argument `value` under argument `key`, replacing whatever was there.
 *
 * A value for which no room could be had in time is dropped and counted, and the caller answers as
 * if it had been stored and evicted since: a cache must not turn its own shortage into an error of
 * the engine. What can never be stored is an error.
 *
 * @returns the error to reply, or `undefined`.
 */
export function storeArgument(
  session: Session,
  request: Request,
  key: number,
  value: number,
  expiresAt: number,
): string | undefined {
  const body = request.body(value);
  if (body === undefined) {
    const start = request.start(value);
    const end = request.end(value);
    return storeBytes(session, request, key, request.bytes, start, end, expiresAt);
  }
  const problem = keyProblem(request, key);
  if (problem !== undefined) {
    if (body > 0) session.front.cancelSlot(body);
    return problem;
  }
  dropCollection(session, request, key);
  return body === 0 ? drop(session, request, key) : publish(session, request, key, body, expiresAt);
}

/** The same for `source[start, end)`. */
export function storeBytes(
  session: Session,
  request: Request,
  key: number,
  source: Buffer,
  start: number,
  end: number,
  expiresAt: number,
): string | undefined {
  const { front } = session;
  const problem = keyProblem(request, key);
  if (problem !== undefined) return problem;
  const length = end - start;
  const slot =
    length > front.limits.valueBytes ? TOO_LARGE : front.ram.reserve(length, request.length(key));
  if (slot === TOO_LARGE) return tooLong(session, length);
  dropCollection(session, request, key);
  if (slot === NO_ROOM) return drop(session, request, key);
  source.copy(front.ram.slots.piece(slot), front.ram.slots.valueOffset(slot), start, end);
  return publish(session, request, key, slot, expiresAt);
}

/** Why argument `value` can never be stored under argument `key`, or `undefined`. */
export function storeProblem(
  session: Session,
  request: Request,
  key: number,
  value: number,
): string | undefined {
  const length = request.body(value) === undefined ? request.length(value) : 0;
  if (length > session.front.maxValueBytes) return tooLong(session, length);
  return keyProblem(request, key);
}

function tooLong({ front }: Session, length: number): string {
  return `ERR a value of ${formatBytes(length)} is too long: ${formatBytes(front.maxValueBytes)} is the limit here (max-value, and half of ram-size)`;
}

function publish(
  session: Session,
  request: Request,
  key: number,
  slot: number,
  expiresAt: number,
): string | undefined {
  const { front, keyspace } = session;
  const { ram } = front;
  const start = request.start(key);
  const entry = ram.publish(slot, request.bytes, start, request.end(key), keyspace, expiresAt);
  return entry === 0 ? lose(session, request, key) : undefined;
}

function drop(session: Session, request: Request, key: number): string | undefined {
  session.front.ram.counters.rejected++;
  return lose(session, request, key);
}

/**
 * The value is lost; so is the one it was to replace, which must not come back to life. That is an error
 * only where the reply promises that the value is safe.
 */
function lose(session: Session, request: Request, key: number): string | undefined {
  const { front } = session;
  front.valuesDropped++;
  const place = findPlace(session, request, key);
  if (place !== 0) front.tiers.remove(place);
  const [start, end] = [request.start(key), request.end(key)];
  front.ram.departures?.record(request.bytes, start, end, session.keyspace, "ram", "dropped", 0);
  return front.durable ? NO_ROOM_FOR_IT : undefined;
}

function dropCollection(session: Session, request: Request, key: number): void {
  const collection = findCollection(session, request, key);
  if (collection !== undefined) session.front.collections.remove(collection);
}

function keyProblem(request: Request, key: number): string | undefined {
  const length = request.length(key);
  if (length > MAX_KEY_BYTES)
    return `ERR a key of ${length} bytes is too long: ${MAX_KEY_BYTES} is the limit`;
  return length === 0 ? "ERR a key may not be empty" : undefined;
}

/** Removes what argument `index` names, whatever it is. Returns whether there was something. */
export function removeKey(session: Session, request: Request, index: number): boolean {
  const place = findPlace(session, request, index);
  if (place !== 0) {
    session.front.tiers.remove(place);
    return true;
  }
  if (isElsewhere(session, request, index)) {
    const [start, end] = [request.start(index), request.end(index)];
    session.front.tiers.removeRemote(request.bytes, start, end, session.keyspace);
    return true;
  }
  const collection = findCollection(session, request, index);
  if (collection === undefined) {
    const [start, end] = [request.start(index), request.end(index)];
    session.front.tiers.forget(request.bytes, start, end, session.keyspace);
    return false;
  }
  session.front.collections.remove(collection);
  return true;
}
