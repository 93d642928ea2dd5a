import {
  Batch,
  Decoder,
  GlideClient,
  Logger,
  ProtocolVersion,
  type GlideString,
} from "@valkey/valkey-glide";

import type { Arg, ClientDriver, Reply } from "../driver.ts";

const binary = { decoder: Decoder.Bytes };

/** @valkey/valkey-glide 2.5, a client with a native core. */
export const glide: ClientDriver = {
  name: "@valkey/valkey-glide RESP3",
  async connect(url) {
    Logger.setLoggerConfig("off");
    const { hostname: host, port, password } = new URL(url);
    const client = await GlideClient.createClient({
      addresses: [{ host, port: Number(port) }],
      ...(password !== "" && { credentials: { password } }),
      protocol: ProtocolVersion.RESP3,
      requestTimeout: 30_000,
    });
    const execute = async (commands: readonly Arg[][], atomic: boolean) => {
      const batch = new Batch(atomic);
      for (const command of commands) batch.customCommand(command);
      return (await client.exec(batch, false, { ...binary, timeout: 30_000 })) as Reply[] | null;
    };
    return {
      async set(key, value) {
        await client.set(key, value);
      },
      get: async (key) => asText(await client.get(key)),
      getBuffer: async (key) => asBuffer(await client.get(key, binary)),
      del: (...keys) => client.del(keys),
      exists: (...keys) => client.exists(keys),
      mget: async (...keys) => (await client.mget(keys, binary)).map(asBuffer),
      async mset(entries) {
        await client.mset(entries.map(([key, value]) => ({ key, value })));
      },
      pipeline: async (commands) => (await execute(commands, false)) ?? [],
      multi: (commands) => execute(commands, true),
      async watch(...keys) {
        await client.watch(keys);
      },
      async scanAll(match, count) {
        const keys: string[] = [];
        let cursor: GlideString = "0";
        do {
          const [next, page]: [GlideString, GlideString[]] = await client.scan(cursor, {
            match,
            count,
          });
          keys.push(...page.map(String));
          cursor = next;
        } while (cursor !== "0");
        return keys;
      },
      call: async (...command) => asReply(await client.customCommand(command)),
      close: async () => client.close(),
    };
  },
};

function asText(value: GlideString | null): string | null {
  return value === null ? null : String(value);
}

function asBuffer(value: GlideString | null): Buffer | null {
  return typeof value === "string" ? Buffer.from(value) : (value as Buffer | null);
}

/** Glide returns maps as lists of `{ key, value }` and some 0 and 1 as booleans. */
function asReply(value: unknown): Reply {
  if (typeof value === "boolean") return Number(value);
  if (!Array.isArray(value)) return value as Reply;
  const fields: { key: GlideString; value: unknown }[] = value.filter(isField);
  if (fields.length === 0) return value.map(asReply);
  return Object.fromEntries(fields.map((field) => [String(field.key), asReply(field.value)]));
}

function isField(item: unknown): boolean {
  return typeof item === "object" && item !== null && "key" in item && "value" in item;
}
