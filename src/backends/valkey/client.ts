import { RespConnection, type ConnectionOptions } from "./connection.ts";
import { replyOf } from "./reply-failure.ts";
import { parseRespUrl, type RespAddress } from "./url.ts";

/** How {@link connectResp} connects. */
export interface ConnectOptions extends Partial<ConnectionOptions> {
  /** Overrides the URL's user. */
  readonly username?: string | undefined;
  /** Overrides the URL's password. */
  readonly password?: string | undefined;
  /** RESP version to speak. Default 2, which every server knows. */
  readonly protocol?: 2 | 3;
  readonly signal?: AbortSignal | undefined;
}

/** Default deadline of a call, connecting included, in milliseconds. */
const defaultDeadlineMs = 10_000;

/**
 * Connects, authenticates and selects the database that the URL names (see `parseRespUrl`).
 *
 * @throws KeepwarmError `CONNECTION_FAILED`, `TIMEOUT`, `REPLY` (wrong password, no such database),
 *   `PROTOCOL` (no RESP server), `INPUT_INVALID` (the URL)
 *
 * @example
 * ```ts
 * const connection = await connectResp("redis://127.0.0.1:6379");
 * await connection.set("key", [header, body]);
 * const bytes = await connection.getInto("key", memory);
 * await connection.close();
 * ```
 */
export async function connectResp(
  url: string,
  options: ConnectOptions = {},
): Promise<RespConnection> {
  return connectAddress(parseRespUrl(url), options);
}

/**
 * {@link connectResp} to an address that is parsed already.
 *
 * @throws As {@link connectResp}
 */
export async function connectAddress(
  address: RespAddress,
  options: ConnectOptions = {},
): Promise<RespConnection> {
  const username = options.username ?? address.username;
  const password = options.password ?? address.password;
  const { signal } = options;
  const connection = new RespConnection(address, {
    ...options,
    deadlineMs: options.deadlineMs ?? defaultDeadlineMs,
  });
  const greeting: string[][] = [];
  if (options.protocol === 3)
    greeting.push([
      "HELLO",
      "3",
      ...(password === undefined ? [] : ["AUTH", username ?? "default", password]),
    ]);
  else if (password !== undefined)
    greeting.push(["AUTH", ...(username === undefined ? [] : [username]), password]);
  if (address.database !== 0) greeting.push(["SELECT", String(address.database)]);
  try {
    const replies = greeting.map((args) => connection.command(args, { signal }));
    await Promise.all([...replies, ping(connection, signal)]);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

/** A user who may not PING can still be a user who may read and write. */
async function ping(connection: RespConnection, signal: AbortSignal | undefined): Promise<void> {
  try {
    await connection.command(["PING"], { signal });
  } catch (error) {
    if (replyOf(error)?.code !== "NOPERM") throw error;
  }
}
