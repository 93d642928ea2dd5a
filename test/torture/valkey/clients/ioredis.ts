import { Cluster, Redis } from "ioredis";
import { Cluster as ValkeyCluster, Redis as Valkey } from "iovalkey";
import { parseStoreUrl } from "../../../../src/backends/valkey/store-url.ts";
import type { Connect, TortureClient } from "./client.ts";

/** What both libraries, which are one by origin, are used by. */
interface Commands {
  set(key: string, value: Buffer): Promise<unknown>;
  getBuffer(key: string): Promise<Buffer | null>;
  exists(key: string): Promise<number>;
  disconnect(): void;
  on(event: "error", listener: (error: unknown) => void): unknown;
}

/** What their documents advise for a primary that becomes a replica. */
const reconnectOnError = (error: Error): boolean => error.message.includes("READONLY");

export const ioredis: Connect = async (options) => {
  const { arrangement, nodes, common, url } = settings(options);
  if (arrangement === "cluster") return using(new Cluster(nodes, { redisOptions: common }));
  if (arrangement === "single") return using(new Redis(options.url, common));
  return using(
    new Redis({ ...common, sentinels: nodes, name: url.service ?? "", reconnectOnError }),
  );
};

export const iovalkey: Connect = async (options) => {
  const { arrangement, nodes, common, url } = settings(options);
  if (arrangement === "cluster") return using(new ValkeyCluster(nodes, { redisOptions: common }));
  if (arrangement === "single") return using(new Valkey(options.url, common));
  return using(
    new Valkey({ ...common, sentinels: nodes, name: url.service ?? "", reconnectOnError }),
  );
};

function settings({ url: text, deadlineMs }: Parameters<Connect>[0]) {
  const url = parseStoreUrl(text);
  const nodes = url.endpoints.map(({ host, port }) => ({ host, port }));
  return { url, nodes, arrangement: url.arrangement, common: { commandTimeout: deadlineMs } };
}

function using(client: Commands): TortureClient {
  client.on("error", () => {}); // each call reports it as well
  return {
    put: async (key, value) => (await client.set(key, value)) === "OK",
    get: async (key, look) => {
      const value = await client.getBuffer(key);
      if (value !== null) look(value);
      return value !== null;
    },
    has: async (keys) => {
      const found = await Promise.all(keys.map((key) => client.exists(key)));
      return found.reduce((sum, each) => sum + each, 0);
    },
    close: () => client.disconnect(),
  };
}
