import { describe, expect, onTestFinished, test } from "vitest";
import { connectResp } from "../../../src/backends/valkey/client.ts";
import { clusterSlot } from "../../../src/keys/cluster-slot.ts";
import type { ValkeyStore } from "../../../src/backends/valkey/valkey-store.ts";
import { startCluster, type RunningCluster } from "../../../src/testing/servers/cluster.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import { startSentinels } from "../../../src/testing/servers/sentinel.ts";
import type { RunningServer } from "../../../src/testing/servers/running-server.ts";
import { getAll, makeBlocks, openStore, putAll, timed, until } from "./support.ts";

const deadlineMs = 1000;
const slackMs = 100;
const impatient = { deadlineMs, connectDeadlineMs: 300 };

/** Reads and writes on and on, checking every byte; tells the longest call. */
function load(store: ValkeyStore, blocks: Map<string, Buffer>) {
  let longestMs = 0;
  let done = false;
  const run = async () => {
    while (!done) {
      longestMs = Math.max(longestMs, (await timed(getAll(store, blocks))).ms);
      longestMs = Math.max(longestMs, (await timed(putAll(store, blocks))).ms);
      longestMs = Math.max(longestMs, (await timed(store.match([...blocks.keys()]))).ms);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const running = Promise.all([run(), run()]);
  return {
    end: async (): Promise<number> => {
      done = true;
      await running;
      return longestMs;
    },
  };
}

/** The server of a cluster that holds a key's slot now. */
async function holderOf(cluster: RunningCluster, slot: number): Promise<RunningServer> {
  const connection = await connectResp(cluster.primaries[0].url);
  try {
    const rows = (await connection.command(["CLUSTER", "SLOTS"])) as [number, number, unknown[]][];
    const [, , [, port]] = rows.find(([from, to]) => from <= slot && slot <= to)!;
    return cluster.primaries.find((server) => server.port === port)!;
  } finally {
    await connection.close();
  }
}

describe("Sentinels", () => {
  for (const signal of ["SIGKILL", "SIGSTOP"] as const)
    test(`after ${signal} of the primary the store follows to the new one`, async () => {
      const servers = await startSentinels({ engine: "valkey" });
      onTestFinished(async () => {
        servers.primary.process.kill("SIGCONT");
        await servers.stop();
      });
      const store = openStore({ url: servers.url, ...impatient });
      const blocks = makeBlocks(8, 50_000);
      expect(await putAll(store, blocks)).toBe(8);
      const loaded = load(store, blocks);
      servers.primary.process.kill(signal);
      await until(async () => (await servers.primaryPort()) !== servers.primary.port, 20_000);
      await until(async () => (await putAll(store, blocks)) === 8, 20_000);
      await until(async () => (await getAll(store, blocks)) === 8);
      expect(await loaded.end()).toBeLessThan(deadlineMs + slackMs);
      const [node] = store.stats().servers;
      expect(node.url).toContain(String(servers.replicas[0].port));
    }, 60_000);

  test("a failover that somebody orders is heard of, not found out by errors", async () => {
    const servers = await startSentinels();
    onTestFinished(() => servers.stop());
    const store = openStore({ url: servers.url, ...impatient });
    const blocks = makeBlocks(4, 10_000);
    await putAll(store, blocks);
    const sentinel = await connectResp(servers.sentinels[2].url);
    onTestFinished(() => sentinel.close());
    await sentinel.command(["SENTINEL", "FAILOVER", "redismaster"]);
    // Nothing is asked of the store meanwhile.
    const { port } = servers.replicas[0];
    await until(() => store.stats().servers[0].url.endsWith(`:${port}`), 20_000);
    expect(await putAll(store, blocks)).toBe(4);
  }, 60_000);

  test("a Sentinel that is gone is not needed", async () => {
    const servers = await startSentinels();
    onTestFinished(() => servers.stop());
    await servers.sentinels[0].stop();
    const store = openStore({ url: servers.url, ...impatient });
    expect(await store.put([{ key: "k", value: Buffer.from("v") }])).toEqual([
      { status: "stored" },
    ]);
  }, 60_000);

  test("an unknown service is a miss at once, and a clear error for those who ask", async () => {
    const servers = await startSentinels();
    onTestFinished(() => servers.stop());
    const store = openStore({ url: servers.url, service: "other", ...impatient });
    expect(await store.get(["k"])).toEqual([undefined]);
    expect((await timed(store.get(["k"]))).ms).toBeLessThan(20);
    await expect(store.check()).rejects.toThrow(/no Sentinel names other/);
  }, 60_000);
});

describe("a cluster", () => {
  test("knows the slot of a key as the servers do", async () => {
    const cluster = await startCluster({ primaries: 1, replicated: false });
    onTestFinished(() => cluster.stop());
    const connection = await connectResp(cluster.primaries[0].url);
    onTestFinished(() => connection.close());
    for (const key of ["", "a", "{user}:x", "a{}b", "{}", "a{b}{c}", "}{x}", "schlüssel", "{"])
      expect(clusterSlot(Buffer.from(key))).toBe(
        await connection.command(["CLUSTER", "KEYSLOT", key]),
      );
  });

  test("follows slots that move while they are read and written", async () => {
    const cluster = await startCluster({ replicated: false });
    onTestFinished(() => cluster.stop());
    const store = openStore({ url: cluster.url, ...impatient });
    const blocks = makeBlocks(60, 20_000);
    const keys = [...blocks.keys()];
    expect(await putAll(store, blocks)).toBe(60);
    const loaded = load(store, blocks);
    for (const key of keys.slice(0, 6)) {
      const slot = clusterSlot(Buffer.from(key));
      const from = await holderOf(cluster, slot);
      const to = cluster.primaries[(cluster.primaries.indexOf(from) + 1) % 3];
      await cluster.migrate(slot, from, to, async () => {
        // Half of the slot's keys are here, half there, and new ones may come.
        expect(await getAll(store, blocks)).toBe(60);
        expect(await store.match(keys)).toBe(60);
        const fresh = { key: `{${key}}new`, value: Buffer.from(key) };
        expect(await store.put([fresh])).toEqual([{ status: "stored" }]);
        expect(await store.delete([fresh.key])).toBe(1);
      });
      expect(await getAll(store, blocks)).toBe(60);
    }
    expect(await loaded.end()).toBeLessThan(deadlineMs + slackMs);
    const stats = store.stats();
    expect(stats.redirected).toBeGreaterThan(0);
    expect(stats).toMatchObject({ failedReads: 0, failedWrites: 0, failedLookups: 0, damaged: 0 });
  }, 60_000);

  for (const signal of ["SIGKILL", "SIGSTOP"] as const)
    test(`after ${signal} of a primary its replica is found, and the others go on`, async () => {
      const cluster = await startCluster({ engine: "valkey" });
      const [victim] = cluster.primaries;
      onTestFinished(async () => {
        victim.process.kill("SIGCONT");
        await cluster.stop();
      });
      const store = openStore({ url: cluster.url, ...impatient });
      const blocks = makeBlocks(30, 20_000);
      expect(await putAll(store, blocks)).toBe(30);
      const loaded = load(store, blocks);
      victim.process.kill(signal);
      await until(() => store.stats().servers.some(({ breaker }) => breaker === "open"));
      expect(await getAll(store, blocks)).toBeGreaterThan(0);
      await until(async () => (await putAll(store, blocks)) === 30, 20_000);
      expect(await getAll(store, blocks)).toBe(30);
      expect(await loaded.end()).toBeLessThan(deadlineMs + slackMs);
      const urls = store.stats().servers.map(({ url }) => url);
      expect(urls.some((url) => url.includes(`:${victim.port}`))).toBe(false);
    }, 60_000);

  test("one seed that answers is enough", async () => {
    const cluster = await startCluster({ replicated: false });
    onTestFinished(() => cluster.stop());
    const url = `valkey-cluster://127.0.0.1:1,127.0.0.1:${cluster.primaries[2].port}`;
    const store = openStore({ url, ...impatient });
    const blocks = makeBlocks(20, 100);
    expect(await putAll(store, blocks)).toBe(20);
    expect(store.stats().servers).toHaveLength(3);
  });

  test("a server that is no cluster is told from one that is", async () => {
    const server = await startRedisServer();
    onTestFinished(async () => void (await server.stop()));
    const store = openStore({ url: `redis-cluster://127.0.0.1:${server.port}`, ...impatient });
    expect(await store.get(["k"])).toEqual([undefined]);
    await expect(store.check()).rejects.toThrow(/cluster support disabled/);
  });
});
