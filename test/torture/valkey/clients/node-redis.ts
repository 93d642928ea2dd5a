import { createClient, createCluster, createSentinel, RESP_TYPES } from "@redis/client";
import { parseStoreUrl } from "../../../../src/backends/valkey/store-url.ts";
import type { Connect, TortureClient } from "./client.ts";

interface Commands {
  set(key: string, value: Buffer): Promise<unknown>;
  exists(key: string): Promise<number>;
  destroy(): unknown;
}

/** Blocks are bytes, not text. */
const binary = { [RESP_TYPES.BLOB_STRING]: Buffer };

export const nodeRedis: Connect = async ({ url: text, deadlineMs }) => {
  const { arrangement, endpoints, service } = parseStoreUrl(text);
  const commandOptions = { timeout: deadlineMs };
  if (arrangement === "cluster") {
    const rootNodes = endpoints.map(({ host, port }) => ({ url: `redis://${host}:${port}` }));
    const cluster = createCluster({ rootNodes, commandOptions });
    cluster.on("error", ignore);
    await cluster.connect();
    const reader = cluster.withTypeMapping(binary);
    return using(cluster, (key) => reader.get(key));
  }
  if (arrangement === "sentinel") {
    const sentinelRootNodes = endpoints.map(({ host, port }) => ({ host, port }));
    const sentinel = createSentinel({ name: service ?? "", sentinelRootNodes, commandOptions });
    sentinel.on("error", ignore);
    await sentinel.connect();
    const reader = sentinel.withTypeMapping(binary);
    return using(sentinel, (key) => reader.get(key));
  }
  const client = createClient({ url: text, commandOptions });
  client.on("error", ignore);
  await client.connect();
  const reader = client.withTypeMapping(binary);
  return using(client, (key) => reader.get(key));
};

const ignore = (): void => {}; // each call reports it as well

function using(client: Commands, get: (key: string) => Promise<Buffer | null>): TortureClient {
  return {
    put: async (key, value) => (await client.set(key, value)) === "OK",
    get: async (key, look) => {
      const value = await get(key);
      if (value !== null) look(value);
      return value !== null;
    },
    has: async (keys) => {
      const found = await Promise.all(keys.map((key) => client.exists(key)));
      return found.reduce((sum, each) => sum + each, 0);
    },
    close: () => void client.destroy(),
  };
}
