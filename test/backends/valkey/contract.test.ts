import { afterAll, beforeAll, describe, it } from "vitest";
import type { ValkeyFormat } from "../../../src/backends/valkey/formats/options.ts";
import type { ValkeyStoreOptions } from "../../../src/backends/valkey/store-options.ts";
import { ValkeyStore } from "../../../src/backends/valkey/valkey-store.ts";
import { describeBlockStore } from "../../../src/testing/contract-suite.ts";
import { startCluster } from "../../../src/testing/servers/cluster.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import { startSentinels } from "../../../src/testing/servers/sentinel.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { passTime } from "./pass-time.ts";

/** Servers to be tried, with what a store needs to use them. */
interface Deployment {
  readonly options: ValkeyStoreOptions;
  /** Where keys are whose time shall pass. */
  readonly urls: readonly string[];
  /** What they want to know from whom connects there. */
  readonly password?: string;
  stop(): Promise<unknown>;
}

const formats: ValkeyFormat[] = [
  "native",
  "raw",
  "lmcache-pair",
  { name: "lmcache-pair", generation: "valkey-cluster" },
  { name: "hicache", model: "meta/llama", rank: 1, worldSize: 2 },
];

const deployments: Record<string, [start: () => Promise<Deployment>, formats: ValkeyFormat[]]> = {
  redis: [() => single("redis"), formats],
  valkey: [() => single("valkey"), formats],
  "redis over TLS with client certificates": [overTls, ["native"]],
  "redis on a Unix socket": [onUnixSocket, ["native"]],
  "valkey with a user who may use some keys only": [withUser, ["native", "lmcache-pair"]],
  Sentinels: [underSentinels, ["native"]],
  "Sentinels with passwords, over TLS": [underSecuredSentinels, ["native"]],
  "a cluster with a password, over TLS": [inSecuredCluster, ["native"]],
  "a cluster": [inCluster, ["native", "raw", "lmcache-pair"]],
};

for (const [name, [start, formats]] of Object.entries(deployments))
  describe(name, () => {
    let deployment: Deployment;
    let round = 0;
    beforeAll(async () => {
      deployment = await start();
    });
    afterAll(() => deployment.stop());

    for (const format of formats)
      describeBlockStore(`ValkeyStore, ${JSON.stringify(format)}`, { describe, it }, async () => {
        const { options, urls, password } = deployment;
        return {
          store: new ValkeyStore({ ...options, format, prefix: `own:${round++}:` }),
          advance: async (ms: number) => {
            for (const url of urls) await passTime(url, ms, { tls: options.tls, password });
          },
        };
      });
  });

async function single(engine: "redis" | "valkey"): Promise<Deployment> {
  const server = await startRedisServer({ engine });
  const { url } = server;
  return { options: { url }, urls: [url], stop: () => server.stop() };
}

async function overTls(): Promise<Deployment> {
  const { ca, server: own, client } = await makeCertificates();
  const server = await startRedisServer({ tls: { ca, ...own } });
  const options = { url: server.url, tls: { ca, ...client } };
  return { options, urls: [server.url], stop: () => server.stop() };
}

async function onUnixSocket(): Promise<Deployment> {
  const path = `/tmp/keepwarm-contract-${process.pid}.sock`;
  const server = await startRedisServer({ args: ["--unixsocket", path] });
  return { options: { url: `unix://${path}` }, urls: [server.url], stop: () => server.stop() };
}

async function withUser(): Promise<Deployment> {
  const rules = "engine on >se:cret ~own:* -@all +get +set +del +exists +pttl +strlen +scan +ping";
  const server = await startRedisServer({ engine: "valkey", users: [rules] });
  const options = { url: server.url, username: "engine", password: "se:cret" };
  return { options, urls: [server.url], stop: () => server.stop() };
}

async function underSentinels(): Promise<Deployment> {
  const servers = await startSentinels({ engine: "valkey" });
  const { url, primary } = servers;
  return { options: { url }, urls: [primary.url], stop: () => servers.stop() };
}

async function inCluster(): Promise<Deployment> {
  const cluster = await startCluster({ replicated: false });
  const urls = cluster.primaries.map(({ url }) => url);
  return { options: { url: cluster.url }, urls, stop: () => cluster.stop() };
}

async function underSecuredSentinels(): Promise<Deployment> {
  const { ca, server, client } = await makeCertificates();
  const [password, sentinelPassword] = ["block/s@1", "watch:er"];
  const servers = await startSentinels({ password, sentinelPassword, tls: { ca, ...server } });
  const { url, primary } = servers;
  const options = { url, password, sentinelPassword, tls: { ca, ...client } };
  return { options, password, urls: [primary.url], stop: () => servers.stop() };
}

async function inSecuredCluster(): Promise<Deployment> {
  const { ca, server, client } = await makeCertificates();
  const password = "block/s@1";
  const tls = { ca, ...server };
  const cluster = await startCluster({ engine: "valkey", replicated: false, password, tls });
  const options = { url: cluster.url, password, tls: { ca, ...client } };
  const urls = cluster.primaries.map(({ url }) => url);
  return { options, password, urls, stop: () => cluster.stop() };
}
