import { createClient, MultiErrorReply, RESP_TYPES, WatchError } from "@redis/client";

import type { Arg, ClientDriver, Reply } from "../driver.ts";

/** @redis/client 6; RESP3 is its default. */
export const nodeRedis = (RESP: 2 | 3): ClientDriver => ({
  name: `@redis/client RESP${RESP}`,
  async connect(url) {
    const client = createClient({ url, RESP, socket: { reconnectStrategy: false } });
    client.on("error", () => {}); // each call reports it as well
    await client.connect();
    const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });

    const transaction = async (commands: readonly Arg[][]): Promise<Reply[]> => {
      const batch = client.multi();
      for (const command of commands) batch.addCommand(command);
      return (await batch.exec()) as unknown as Reply[];
    };
    return {
      async set(key, value) {
        await client.set(key, value);
      },
      get: (key) => client.get(key),
      getBuffer: (key) => binary.get(key),
      del: (...keys) => client.del(keys),
      exists: (...keys) => client.exists(keys),
      mget: (...keys) => binary.mGet(keys),
      async mset(entries) {
        await client.mSet(entries.map(([key, value]): [Arg, Arg] => [key, value]));
      },
      async pipeline(commands) {
        const replies = commands.map((command) => binary.sendCommand<Reply>(command));
        const settled = await Promise.allSettled(replies);
        return settled.map((one) => (one.status === "fulfilled" ? one.value : toError(one.reason)));
      },
      async multi(commands) {
        try {
          return await transaction(commands);
        } catch (error) {
          if (error instanceof MultiErrorReply) return error.replies;
          if (error instanceof WatchError) return null;
          throw error;
        }
      },
      async watch(...keys) {
        await client.watch(keys);
      },
      async scanAll(MATCH, COUNT) {
        const keys: string[] = [];
        for await (const page of client.scanIterator({ MATCH, COUNT })) keys.push(...page);
        return keys;
      },
      call: (...command) => client.sendCommand(command),
      close: () => client.close(),
    };
  },
});

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
