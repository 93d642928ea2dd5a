import type { RespConnection } from "../../backends/valkey/connection.ts";
import { replyCount } from "../server/snapshot.ts";
import type { ReplayStore } from "./replay.ts";

/** EXISTS commands in flight at once where there is no KW.MATCH. */
const existsWindow = 32;

/** A store at the other end of a connection. */
export class RespReplayStore implements ReplayStore {
  readonly #connection: RespConnection;
  readonly #matches: boolean;

  /** @param matches Whether the server knows KW.MATCH; else chains are asked key by key. */
  constructor(connection: RespConnection, matches: boolean) {
    this.#connection = connection;
    this.#matches = matches;
  }

  async match(keys: readonly string[]): Promise<number> {
    if (this.#matches) return replyCount(await this.#connection.command(["KW.MATCH", ...keys]));
    for (let at = 0; at < keys.length; at += existsWindow) {
      const window = keys.slice(at, at + existsWindow);
      const replies = await Promise.all(
        window.map((key) => this.#connection.command(["EXISTS", key])),
      );
      const miss = replies.findIndex((reply) => replyCount(reply) === 0);
      if (miss >= 0) return at + miss;
    }
    return keys.length;
  }

  get(key: string, memory: Uint8Array): Promise<number | undefined> {
    return this.#connection.getInto(key, memory);
  }

  put(key: string, parts: readonly Uint8Array[]): Promise<void> {
    return this.#connection.set(key, parts);
  }
}
