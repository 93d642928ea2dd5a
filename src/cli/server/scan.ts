import type { RespConnection } from "../../backends/valkey/connection.ts";
import { KeepwarmError } from "../../errors.ts";
import { replyText, type Reply } from "../../wire/resp/reply.ts";
import { knowsCommand, replyCount } from "./snapshot.ts";

/** A block as a scan tells of it. */
export interface ListedBlock {
  readonly key: Buffer;
  readonly bytes: number;
  /** Milliseconds left; -1 without limit. */
  readonly ttlMs: number;
  /** Known from Keepwarm only. */
  readonly idleMs?: number;
  readonly hits?: number;
  readonly tier?: string;
}

const pageSize = 1000;

/** Whether the server has `KW.SCAN`; others are scanned with SCAN, STRLEN and PTTL. */
export function hasRichScan(connection: RespConnection): Promise<boolean> {
  return knowsCommand(connection, ["KW.SCAN", "0", "COUNT", "1"]);
}

/** All blocks whose key matches the glob, in the server's order. A block may come twice. */
export async function* scanBlocks(
  connection: RespConnection,
  rich: boolean,
  match?: string,
): AsyncGenerator<ListedBlock[]> {
  const filter = match === undefined ? [] : ["MATCH", match];
  let cursor = "0";
  do {
    const command = rich ? "KW.SCAN" : "SCAN";
    const page = await connection.command([command, cursor, ...filter, "COUNT", `${pageSize}`]);
    const [next, entries] = Array.isArray(page) ? page : [];
    if (!Array.isArray(entries)) throw strange(command);
    cursor = replyText(next) ?? String(replyCount(next));
    yield rich ? entries.map(richEntry) : await plainEntries(connection, entries);
  } while (cursor !== "0");
}

/** All keys and nothing else of them, several times faster than {@link scanBlocks}. A key may come twice. */
export async function* scanKeys(connection: RespConnection): AsyncGenerator<Buffer[]> {
  let cursor = "0";
  do {
    const page = await connection.command(["SCAN", cursor, "COUNT", `${2 * pageSize}`]);
    const [next, keys] = Array.isArray(page) ? page : [];
    if (!Array.isArray(keys)) throw strange("SCAN");
    cursor = replyText(next) ?? String(replyCount(next));
    yield keys.filter((key) => Buffer.isBuffer(key));
  } while (cursor !== "0");
}

function richEntry(entry: Reply): ListedBlock {
  if (!Array.isArray(entry)) throw strange("KW.SCAN");
  const [key, bytes, ttlMs, idleMs, hits, tier] = entry;
  if (!Buffer.isBuffer(key)) throw strange("KW.SCAN");
  return {
    key,
    bytes: replyCount(bytes),
    ttlMs: replyCount(ttlMs),
    idleMs: replyCount(idleMs),
    hits: replyCount(hits),
    tier: replyText(tier) ?? "",
  };
}

/** Sizes of keys that hold no string are unknown to STRLEN; they are left out. */
async function plainEntries(
  connection: RespConnection,
  keys: readonly Reply[],
): Promise<ListedBlock[]> {
  const named = keys.filter((key) => Buffer.isBuffer(key));
  const listed = await Promise.all(
    named.map(async (key) => {
      const [bytes, ttlMs] = await Promise.allSettled([
        connection.command(["STRLEN", key]),
        connection.command(["PTTL", key]),
      ]);
      if (bytes.status === "rejected" || ttlMs.status === "rejected") return undefined;
      return { key, bytes: replyCount(bytes.value), ttlMs: replyCount(ttlMs.value) };
    }),
  );
  return listed.filter((block) => block !== undefined);
}

function strange(command: string): KeepwarmError {
  return new KeepwarmError("PROTOCOL", `the server answered ${command} in an unknown form`, {
    remedy: "Use a command line and a server of the same version.",
  });
}
