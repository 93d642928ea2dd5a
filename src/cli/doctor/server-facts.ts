import type { RespConnection } from "../../backends/valkey/connection.ts";
import { isKeepwarmError } from "../../errors.ts";
import { replyText } from "../../wire/resp/reply.ts";
import { parseInfo } from "../server/info.ts";

/** What a Valkey or Redis server says of itself. */
export interface ServerFacts {
  readonly product: "valkey" | "redis";
  readonly version: string;
  readonly info: ReadonlyMap<string, string>;
  /** Its settings; empty when it does not tell them. */
  readonly settings: ReadonlyMap<string, string>;
}

export async function readFacts(connection: RespConnection): Promise<ServerFacts> {
  const info = parseInfo((await ask(connection, ["INFO", "everything"])) ?? "");
  const valkey = info.get("valkey_version");
  return {
    product: valkey === undefined ? "redis" : "valkey",
    version: valkey ?? info.get("redis_version") ?? "unknown",
    info,
    settings: await readSettings(connection),
  };
}

/** The text of a reply; nothing when the server refuses the command. */
async function ask(
  connection: RespConnection,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    return replyText(await connection.command(args));
  } catch (error) {
    if (isKeepwarmError(error, "REPLY")) return undefined;
    throw error;
  }
}

async function readSettings(connection: RespConnection): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  try {
    const reply = await connection.command(["CONFIG", "GET", "*"]);
    const words = Array.isArray(reply) ? reply.map((part) => replyText(part) ?? "") : [];
    for (let i = 0; i + 1 < words.length; i += 2) settings.set(words[i], words[i + 1]);
  } catch (error) {
    if (!isKeepwarmError(error, "REPLY")) throw error;
  }
  return settings;
}
