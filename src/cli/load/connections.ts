import type { RespConnection } from "../../backends/valkey/connection.ts";
import type { CliIo } from "../io.ts";
import type { ClientFlags } from "../options.ts";
import { connectServer } from "../server/connect.ts";

/** Opens `count` connections; when one fails, those that are open are closed again. */
export async function openConnections(
  count: number,
  flags: ClientFlags,
  io: CliIo,
): Promise<RespConnection[]> {
  const results = await Promise.allSettled(
    Array.from({ length: count }, () => connectServer(flags, io)),
  );
  const open = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failure = results.find((result) => result.status === "rejected");
  if (!failure) return open;
  await closeConnections(open);
  throw failure.reason;
}

export async function closeConnections(connections: readonly RespConnection[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.close()));
}

/** `depth` lanes for each connection, interleaved, made by `make`. */
export function makeLanes<Lane>(
  connections: readonly RespConnection[],
  depth: number,
  make: (connection: RespConnection) => Lane,
): Lane[] {
  return Array.from({ length: depth }, () => connections.map(make)).flat();
}

/** Keys that one DEL names. */
const batch = 500;

/** Removes keys, whether they are there or not. */
export async function removeKeys(
  connection: RespConnection,
  keys: Iterable<string>,
): Promise<void> {
  let group: string[] = [];
  const flush = async () => {
    if (group.length > 0) await connection.command(["DEL", ...group]);
    group = [];
  };
  for (const key of keys) if (group.push(key) === batch) await flush();
  await flush();
}
