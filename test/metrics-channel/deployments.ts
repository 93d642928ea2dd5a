import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MetricsChannelOptions } from "../../src/metrics-channel/channel/options.ts";
import { startCluster } from "../../src/testing/servers/cluster.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import { makeCertificates } from "../support/certificates.ts";
import { RespServer } from "../../src/fronts/resp/server.ts";
import { TierChain } from "../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../src/tiers/ram/ram-tier.ts";
import { silentLogger } from "../../src/observe/logger.ts";

/** A server to hand samples over through. */
export interface Deployment {
  readonly options: MetricsChannelOptions;
  stop(): Promise<unknown>;
}

/** Keepwarm's own front, in this process. */
export async function startFront(): Promise<Deployment & { readonly server: RespServer }> {
  const tiers = new TierChain({ ram: new RamTier({ capacityBytes: 16 * 1024 ** 2 }) });
  const server = await RespServer.listen({ tiers, version: "0", logger: silentLogger, port: 0 });
  return { server, options: { url: server.url }, stop: () => server.close() };
}

/** Every way in which a channel reaches its server. */
export const deployments: Readonly<Record<string, () => Promise<Deployment>>> = {
  async redis() {
    const server = await startRedisServer();
    return { options: { url: server.url }, stop: () => server.stop() };
  },
  async valkey() {
    const server = await startRedisServer({ engine: "valkey" });
    return { options: { url: `${server.url}/3` }, stop: () => server.stop() };
  },
  keepwarm: startFront,
  async "TLS with client certificates"() {
    const { ca, server: own, client } = await makeCertificates();
    const server = await startRedisServer({ tls: { ca, ...own } });
    return { options: { url: server.url, tls: { ca, ...client } }, stop: () => server.stop() };
  },
  async "an ACL user"() {
    const rights = "+hset +hget +hmget +hlen +hkeys +hgetall +rpush +lrange +renamenx +pexpire";
    const more = "+del +pttl +type +scan +multi +exec +ping";
    const user = `sampler on >a@secret/word ~* ${rights} ${more}`;
    const server = await startRedisServer({ engine: "valkey", users: [user, "default off"] });
    const { url } = server;
    return {
      options: { url, username: "sampler", password: "a@secret/word" },
      stop: () => server.stop(),
    };
  },
  async "a Unix socket"() {
    const folder = await mkdtemp(join(tmpdir(), "keepwarm-channel-"));
    const path = join(folder, "server.sock");
    const server = await startRedisServer({ args: ["--unixsocket", path] });
    return {
      options: { url: `unix:${path}` },
      async stop() {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
  async "a cluster"() {
    const cluster = await startCluster({ replicated: false });
    return { options: { url: cluster.url }, stop: () => cluster.stop() };
  },
};
