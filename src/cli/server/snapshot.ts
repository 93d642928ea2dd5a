import type { RespConnection } from "../../backends/valkey/connection.ts";
import { isKeepwarmError, KeepwarmError } from "../../errors.ts";
import type { RamStats, ServerStats } from "../../fronts/resp/stats.ts";
import { replyText, ReplyError, type Reply } from "../../wire/resp/reply.ts";
import { snapshotOfInfo } from "./info.ts";

/** One tier, as `KW.STATS` tells, or as much of it as INFO has. Counters run since the server started. */
export type TierSnapshot = Partial<RamStats> &
  Partial<DiskFigures> &
  Pick<
    RamStats,
    "name" | "capacityBytes" | "usedBytes" | "blocks" | "hits" | "misses" | "evicted" | "expired"
  >;

/** What only a tier on disk tells. */
export interface DiskFigures {
  readonly state: "loading" | "ready" | "failing";
  /** What fails; empty when nothing does. */
  readonly alarm: string;
  readonly directory: string;
  /** Whether the page cache is bypassed. */
  readonly direct: boolean;
  readonly durability: string;
  readonly segments: number;
  readonly freeSegments: number;
  readonly segmentBytes: number;
  /** Now, waiting to be written. */
  readonly queuedBytes: number;
  readonly queuedItems: number;
  readonly skipped: number;
  readonly lost: number;
  readonly corrupt: number;
  readonly readErrors: number;
  readonly diskErrors: number;
  readonly writtenBytes: number;
  readonly readBytes: number;
  /** Bytes written for each byte stored. */
  readonly writeAmplification: number;
  readonly readP50Us: number;
  readonly readP99Us: number;
  readonly syncP99Us: number;
  readonly indexBytes: number;
  readonly load: {
    readonly segments: number;
    readonly segmentsDone: number;
    readonly records: number;
    readonly done: boolean;
  };
  readonly promoted: number;
  readonly prefetched: number;
}

/** What a server says of itself: all of it from Keepwarm, the common part from Redis or Valkey. */
export interface Snapshot
  extends
    Pick<ServerStats, "version" | "pid" | "uptimeSeconds" | "clients" | "traffic" | "keyspace">,
    Partial<Pick<ServerStats, "node" | "listeners" | "commands" | "lm" | "remotes" | "coded">> {
  readonly product: "keepwarm" | "valkey" | "redis";
  readonly tiers: readonly TierSnapshot[];
}

/** Whether the tier is on disk and tells so. */
export function isOnDisk(tier: TierSnapshot): tier is TierSnapshot & DiskFigures {
  return tier.load !== undefined && tier.writtenBytes !== undefined;
}

/** Asks `KW.STATS`; a server that does not know it is asked `INFO`. */
export async function takeSnapshot(connection: RespConnection): Promise<Snapshot> {
  try {
    const text = replyText(await connection.command(["KW.STATS"]));
    return { product: "keepwarm", ...(JSON.parse(text ?? "") as Omit<Snapshot, "product">) };
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new KeepwarmError("PROTOCOL", `${connection.label} answered KW.STATS with no JSON`, {
        cause: error,
        remedy: "Use a command line and a server of the same version.",
      });
    if (!isUnknownCommand(error)) throw error;
  }
  const text = replyText(await connection.command(["INFO", "everything"]));
  return snapshotOfInfo(text ?? "");
}

/** Whether a server refused a command because it does not know it. */
function isUnknownCommand(error: unknown): boolean {
  return (
    isKeepwarmError(error, "REPLY") &&
    error.cause instanceof ReplyError &&
    /unknown (?:sub)?command/i.test(error.cause.message)
  );
}

/** Whether the server knows a command, asked by running it with arguments that do no harm. */
export async function knowsCommand(
  connection: RespConnection,
  args: readonly string[],
): Promise<boolean> {
  try {
    await connection.command(args);
    return true;
  } catch (error) {
    if (isUnknownCommand(error)) return false;
    throw error;
  }
}

/** A reply that must be a whole number. */
export function replyCount(reply: Reply): number {
  const count = Number(typeof reply === "number" ? reply : (replyText(reply) ?? Number.NaN));
  if (Number.isSafeInteger(count)) return count;
  throw new KeepwarmError("PROTOCOL", "the server answered something else than a number");
}
