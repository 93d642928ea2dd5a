import { setTimeout as sleep } from "node:timers/promises";
import { clusterSlot } from "../../../src/keys/cluster-slot.ts";
import { startCluster } from "../../../src/testing/servers/cluster.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import { startSentinels } from "../../../src/testing/servers/sentinel.ts";
import { TcpProxy, type ProxyBehaviour } from "../../../src/testing/tcp-proxy.ts";

/** Servers with clients at work, and what is about to happen to them. */
interface Stage extends AsyncDisposable {
  /** Where a client finds them. */
  url(): Promise<string>;
  /** Does it; resolves when it is over, or done if it is for good. */
  harm(): Promise<void>;
  /** Whether it concerns a key. Default all. */
  concerns?(key: string): boolean;
}

interface StageOptions {
  readonly engine: "redis" | "valkey";
  /** The keys that clients use. */
  readonly keys: readonly string[];
}

export interface Scenario {
  readonly name: string;
  /** One line for help and report. */
  readonly summary: string;
  /** Whether our calls must all succeed nevertheless. */
  readonly harmless?: true;
  start(options: StageOptions): Promise<Stage>;
}

/** Silence after which Sentinels and cluster nodes give a server up. */
const downAfterMs = 1000;
const frozenMs = 5000;

export const scenarios: readonly Scenario[] = [
  {
    name: "primary-killed",
    summary: "SIGKILL of the primary under three Sentinels, a replica takes over",
    start: ({ engine }) => underSentinels(engine, async (kill) => kill("SIGKILL")),
  },
  {
    name: "primary-frozen",
    summary: "SIGSTOP of the primary under three Sentinels, SIGCONT after 5 s",
    start: ({ engine }) =>
      underSentinels(engine, async (kill) => {
        kill("SIGSTOP");
        await sleep(frozenMs);
        kill("SIGCONT");
      }),
  },
  {
    name: "node-killed",
    summary: "SIGKILL of a node of a cluster of six; figures for its keys",
    start: inClusterKilled,
  },
  {
    name: "slots-moved",
    summary: "a cluster's slots move with their keys, one after the other",
    harmless: true,
    start: inClusterMoved,
  },
  {
    name: "delayed",
    summary: "each byte 25 ms late, each way, for 4 s",
    harmless: true,
    start: ({ engine }) => throughProxies(engine, during({ latencyMs: 25 }, 4000)),
  },
  {
    name: "reset",
    summary: "all connections reset, five times in 1.5 s",
    harmless: true,
    start: ({ engine }) =>
      throughProxies(
        engine,
        repeatedly((proxy) => proxy.reset()),
      ),
  },
  {
    name: "half-closed",
    summary: "the servers' way of all connections closed, five times in 1.5 s",
    harmless: true,
    start: ({ engine }) =>
      throughProxies(
        engine,
        repeatedly((proxy) => proxy.halfClose()),
      ),
  },
  {
    name: "black-hole",
    summary: "connections stay, nothing passes, for 4 s",
    start: ({ engine }) => throughProxies(engine, during({ blackHole: true }, 4000)),
  },
  {
    name: "narrow",
    summary: "500 kB/s for each connection and way, for 4 s",
    start: ({ engine }) => throughProxies(engine, during({ bytesPerSecond: 500_000 }, 4000)),
  },
];

type Engine = StageOptions["engine"];

async function underSentinels(
  engine: Engine,
  harm: (kill: (signal: NodeJS.Signals) => void) => Promise<void>,
): Promise<Stage> {
  const servers = await startSentinels({ engine, downAfterMs });
  const { process: primary } = servers.primary;
  return {
    url: async () => servers.url,
    harm: () => harm((signal) => primary.kill(signal)),
    [Symbol.asyncDispose]: async () => {
      primary.kill("SIGCONT"); // else it could not end
      await servers.stop();
    },
  };
}

async function inClusterKilled({ engine }: StageOptions): Promise<Stage> {
  const cluster = await startCluster({ engine, nodeTimeoutMs: downAfterMs });
  const [victim] = cluster.primaries;
  const held = await cluster.slotsOf(victim);
  return {
    url: async () => cluster.url,
    harm: async () => victim.process.kill("SIGKILL"),
    concerns: (key) => held.has(clusterSlot(Buffer.from(key))),
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
}

const mostMoved = 48;
const settleMs = 1500;

async function inClusterMoved({ engine, keys }: StageOptions): Promise<Stage> {
  const cluster = await startCluster({ engine, replicated: false });
  const step = Math.max(Math.floor(keys.length / mostMoved), 1);
  const moved = keys.filter((_, index) => index % step === 0);
  return {
    url: async () => cluster.url,
    harm: async () => {
      const slots = new Set(moved.map((key) => clusterSlot(Buffer.from(key))));
      for (const [at, primary] of cluster.primaries.entries())
        for (const slot of await cluster.slotsOf(primary))
          if (slots.delete(slot))
            await cluster.migrate(slot, primary, cluster.primaries[(at + 1) % 3]);
      await sleep(settleMs);
    },
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
}

/** Each client has a proxy of its own. */
async function throughProxies(
  engine: Engine,
  harm: (proxies: readonly TcpProxy[]) => Promise<void>,
): Promise<Stage> {
  const server = await startRedisServer({ engine });
  const proxies: TcpProxy[] = [];
  return {
    url: async () => {
      const proxy = await TcpProxy.start(server);
      proxies.push(proxy);
      return `redis://127.0.0.1:${proxy.port}`;
    },
    harm: () => harm(proxies),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await server.stop();
    },
  };
}

function during(behaviour: ProxyBehaviour, ms: number) {
  return async (proxies: readonly TcpProxy[]): Promise<void> => {
    for (const proxy of proxies) proxy.behaviour = behaviour;
    await sleep(ms);
    for (const proxy of proxies) proxy.behaviour = {};
  };
}

function repeatedly(harm: (proxy: TcpProxy) => void) {
  return async (proxies: readonly TcpProxy[]): Promise<void> => {
    for (let time = 0; time < 5; time++) {
      if (time > 0) await sleep(375);
      for (const proxy of proxies) harm(proxy);
    }
  };
}
