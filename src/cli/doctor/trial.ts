import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { replyOf } from "../../backends/valkey/reply-failure.ts";
import { replyText } from "../../wire/resp/reply.ts";
import { formatBytes, formatDuration } from "../../util/units.ts";
import type { Findings } from "./finding.ts";

/** Bytes of the block that is written, read and deleted. */
const trialBytes = 1024 ** 2;
/** It is forgotten by itself when the examination is interrupted. */
const trialTtlMs = 60_000;
/** Enough to meet a node with a single slot. */
const mostNames = 200_000;
const pings = 5;
const slowPingMs = 5;
const slowMoveMs = 100;
/** Clocks that differ by more confuse the times in logs. */
const skewMs = 2000;

export interface TrialOptions {
  /** Before the trial's name, so that a user who may only touch some keys may touch it. */
  readonly prefix: string;
  /** Whether the server holds a name; all of them unless it is one of a cluster. */
  readonly holds?: ((name: Buffer) => boolean) | undefined;
}

/** Times PING, and a block of 1 MiB under a name of its own, and watches that it can expire. */
export async function tryServer(
  connection: RespConnection,
  found: Findings,
  { prefix, holds = () => true }: TrialOptions,
): Promise<void> {
  await timePing(connection, found);
  const name = freshName(prefix, holds);
  if (name === undefined) {
    found.ok("block", "holds no names that begin with the URL's prefix");
    return;
  }
  try {
    await moveBlock(connection, name, found);
    await watchExpiry(connection, name, found);
  } catch (error) {
    tellOfRefusal(error, found);
  } finally {
    await connection.command(["DEL", name]).catch(() => {});
  }
}

/** A name that the server holds; nothing when its slots are others than those of the prefix. */
function freshName(prefix: string, holds: (name: Buffer) => boolean): Buffer | undefined {
  for (let i = 0; i < mostNames; i++) {
    const name = Buffer.from(`${prefix}keepwarm:doctor:${randomUUID()}`);
    if (holds(name)) return name;
  }
  return undefined;
}

async function timePing(connection: RespConnection, found: Findings): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < pings; i++)
    times.push(await timed(() => connection.command(["PING"]).catch(ignoreReply)));
  const best = Math.min(...times);
  const what = `answers PING in ${formatDuration(best)}`;
  if (best < slowPingMs) found.ok("ping", what);
  else
    found.hint(
      "ping",
      `${what}: every look-up waits that long`,
      "Place it nearer, or see with its SLOWLOG what keeps it busy.",
    );
}

async function moveBlock(connection: RespConnection, name: Buffer, found: Findings): Promise<void> {
  const block = Buffer.alloc(trialBytes, "keepwarm doctor ");
  const memory = Buffer.alloc(trialBytes);
  const writeMs = await timed(() => connection.set(name, [block], { ttlMs: trialTtlMs }));
  let length: number | undefined;
  const readMs = await timed(async () => (length = await connection.getInto(name, memory)));
  if (length !== trialBytes || !memory.equals(block)) {
    found.problem(
      "block",
      length === undefined
        ? "forgot a block of 1 MiB at once"
        : "gave other bytes than were written to it",
      "Give it more memory (`maxmemory`), and see that nothing between changes what is sent.",
    );
    return;
  }
  const what = `wrote ${formatBytes(trialBytes)} in ${formatDuration(writeMs)}, read it in ${formatDuration(readMs)}`;
  if (Math.max(writeMs, readMs) < slowMoveMs) found.ok("block", what);
  else
    found.hint(
      "block",
      `${what}: computing it again may be faster`,
      "See what else uses its network and cores.",
    );
}

/** The time a block has left must run, and what is over must be gone. */
async function watchExpiry(
  connection: RespConnection,
  name: Buffer,
  found: Findings,
): Promise<void> {
  const left = Number(await connection.command(["PTTL", name]));
  if (!(left > 0 && left <= trialTtlMs)) {
    found.problem(
      "ttl",
      `says ${left} ms of a block stored for ${trialTtlMs} ms`,
      "Set its clock (NTP).",
    );
    return;
  }
  await connection.set(name, [Buffer.from("gone soon")], { ttlMs: 1 });
  const isGone = async () => (await connection.command(["EXISTS", name])) === 0;
  let gone = await isGone();
  for (let i = 0; i < 20 && !gone; i++) {
    await delay(50);
    gone = await isGone();
  }
  if (!gone) {
    found.problem("ttl", "keeps blocks whose time is over", "Set its clock (NTP).");
    return;
  }
  const skew = await clockSkew(connection);
  if (skew !== undefined && Math.abs(skew) > skewMs)
    found.hint(
      "ttl",
      `its clock is ${formatDuration(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} this machine's`,
      "Set both by NTP.",
    );
  else found.ok("ttl", "blocks expire in time");
}

/** How far the server's clock is ahead, in ms; nothing when it does not tell. */
async function clockSkew(connection: RespConnection): Promise<number | undefined> {
  try {
    const reply = await connection.command(["TIME"]);
    if (!Array.isArray(reply)) return undefined;
    const [seconds, micros] = reply.map((part) => Number(replyText(part)));
    return seconds * 1000 + micros / 1000 - Date.now();
  } catch (error) {
    return ignoreReply(error);
  }
}

const refusals: Readonly<Record<string, readonly [what: string, fix: string]>> = {
  OOM: ["is full and refuses new blocks", "`CONFIG SET maxmemory-policy allkeys-lru`."],
  MISCONF: [
    "refuses writes since its last snapshot failed",
    "`CONFIG SET stop-writes-on-bgsave-error no`, or give it room on its disk.",
  ],
  READONLY: ["is a replica and takes no writes", "Name the primary, or the Sentinels."],
  NOREPLICAS: [
    "refuses writes since too few replicas follow it",
    "`CONFIG SET min-replicas-to-write 0`, or bring its replicas back.",
  ],
  NOPERM: [
    "does not let this user write, read and delete blocks",
    "`ACL SETUSER NAME ~* +@read +@write +@connection`.",
  ],
  CLUSTERDOWN: [
    "refuses blocks since the cluster is down",
    "`CONFIG SET cluster-require-full-coverage no`, and bring the missing nodes back.",
  ],
  MOVED: ["is a node of a cluster", "Write `redis-cluster://host:port`."],
};

function tellOfRefusal(error: unknown, found: Findings): void {
  const reply = replyOf(error);
  const known = reply && refusals[reply.code];
  const message = error instanceof Error ? error.message : String(error);
  if (known !== undefined) found.problem("block", known[0], known[1]);
  else
    found.problem(
      "block",
      `a block of 1 MiB could not be moved: ${message}`,
      "See the server's log and the network between.",
    );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** A command that the user may not run is no reason to give up. */
function ignoreReply(error: unknown): undefined {
  if (replyOf(error) === undefined) throw error;
  return undefined;
}
