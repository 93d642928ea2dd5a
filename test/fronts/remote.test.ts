import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ValkeyStoreOptions } from "../../src/backends/valkey/store-options.ts";
import { ValkeyStore } from "../../src/backends/valkey/valkey-store.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import type { TierChainOptions } from "../../src/tiers/chain/tier-chain.ts";
import { SsdTier } from "../../src/tiers/ssd/ssd-tier.ts";
import { pseudoRandomBytes } from "../support/bytes.ts";
import { type Front, startFront } from "../support/front.ts";
import { RawClient } from "../support/raw-client.ts";

const MIB = 1024 ** 2;

/** A front whose blocks go to a real server as well. */
async function startBefore(
  servers: readonly RunningServer[],
  chain: Partial<TierChainOptions> = {},
  options: Partial<ValkeyStoreOptions> = {},
): Promise<Front & { stores: ValkeyStore[] }> {
  const stores = servers.map(
    ({ url }) => new ValkeyStore({ url, format: "raw", deadlineMs: 1000, ...options }),
  );
  onTestFinished(async () => {
    for (const store of stores) await store.close();
  });
  const front = await startFront({}, {}, { ...chain, remotes: stores });
  return { ...front, stores };
}

async function redis(): Promise<{ server: RunningServer; client: RawClient }> {
  const server = await startRedisServer();
  const client = await RawClient.connect(Number(new URL(server.url).port));
  onTestFinished(async () => {
    client.close();
    await server.stop();
  });
  return { server, client };
}

async function get(client: RawClient, key: string): Promise<Buffer> {
  client.send("GET", key);
  return (await client.reply()) as Buffer;
}

const remotesOf = async (client: RawClient) =>
  (JSON.parse((await client.ask("KW.STATS")) as string) as { remotes: Record<string, number>[] })
    .remotes;

test("what is stored here goes to the remote store, and what is there alone is found", async () => {
  const { server, client: there } = await redis();
  const front = await startBefore([server]);
  const client = await front.client();
  const value = pseudoRandomBytes(3 * MIB, 1);

  await client.ask("SET", "mine", value);
  await front.server.state.tiers.settledRemotes();
  expect(value.equals(await get(there, "mine"))).toBe(true);

  const theirs = pseudoRandomBytes(2 * MIB, 2);
  await there.ask("SET", "theirs", theirs);
  expect(await client.ask("EXISTS", "theirs", "none", "mine")).toBe(2);
  expect(await client.ask("KW.MATCH", "mine", "theirs", "none")).toBe(2);
  expect(theirs.equals(await get(client, "theirs"))).toBe(true);
  expect(front.ram.entries.count).toBe(2);
  expect(await client.ask("GET", "none")).toBeNull();

  await there.ask("MSET", "a", "1", "b", "2", "c", "3");
  expect(await client.ask("MGET", "a", "x", "b", "c")).toEqual(["1", null, "2", "3"]);
  await there.ask("SET", "aged", "value", "EX", 100);
  expect(await client.ask("TTL", "aged")).toBeGreaterThan(90);
  await there.ask("SET", "long", "12345");
  expect(await client.ask("STRLEN", "long")).toBe(5);
  await there.ask("SET", "taken", "1");
  expect(await client.ask("SETNX", "taken", "2")).toBe(0);
  expect(await client.ask("SET", "taken", "2", "XX")).toBe("OK");
  expect(await client.ask("SET", "free", "2", "XX")).toBeNull();
  expect(await remotesOf(client)).toMatchObject([{ name: "valkey", dropped: 0, failedWrites: 0 }]);
});

test("deleting removes it there as well, with the other half of a pair; flushing does not", async () => {
  const { server, client: there } = await redis();
  const front = await startBefore([server]);
  const client = await front.client();
  await client.ask("MSET", "chunk@kv_bytes", "v", "chunk@metadata", "m", "kept", "k");
  await there.ask("SET", "theirs", "t");
  expect(await client.ask("DEL", "chunk@kv_bytes", "theirs", "none")).toBe(2);
  await front.server.state.tiers.settledRemotes();
  expect(await there.ask("KEYS", "*")).toEqual(["kept"]);
  await client.ask("FLUSHALL");
  await front.server.state.tiers.settledRemotes();
  expect(await client.ask("DBSIZE")).toBe(0);
  expect(await client.ask("GET", "kept")).toBe("k");
});

test("of writes that follow each other the last one stays", async () => {
  const { server, client: there } = await redis();
  const front = await startBefore([server]);
  const client = await front.client();
  for (let round = 0; round < 200; round++) await client.ask("SET", `k${round % 3}`, `v${round}`);
  await client.ask("SET", "k0", "gone");
  await client.ask("DEL", "k0");
  await front.server.state.tiers.settledRemotes();
  expect(await there.ask("MGET", "k0", "k1", "k2")).toEqual([null, "v199", "v197"]);
});

test("stores are asked in their order", async () => {
  const [first, second] = [await redis(), await redis()];
  const front = await startBefore([first.server, second.server]);
  const client = await front.client();
  await first.client.ask("SET", "both", "first");
  await second.client.ask("MSET", "both", "second", "second", "2");
  expect(await client.ask("MGET", "both", "second", "none")).toEqual(["first", "2", null]);
  expect(await client.ask("EXISTS", "second")).toBe(1);
});

test("a server that is gone costs a deadline, then nothing, and the writes are bounded", async () => {
  const { server } = await redis();
  const front = await startBefore([server], { remoteQueueBytes: 4 * MIB });
  const client = await front.client();
  await client.ask("SET", "here", "1");
  process.kill(server.pid, "SIGSTOP");
  const began = performance.now();
  expect(await client.ask("GET", "none")).toBeNull();
  expect(performance.now() - began).toBeLessThan(1900);
  const value = pseudoRandomBytes(MIB, 3);
  for (let i = 0; i < 12; i++) expect(await client.ask("SET", `big${i}`, value)).toBe("OK");
  const [remote] = await remotesOf(client);
  expect(remote.queuedBytes).toBeLessThanOrEqual(4 * MIB);
  expect(remote.dropped + remote.failedWrites).toBeGreaterThan(0);
  expect(await client.ask("GET", "here")).toBe("1");
  process.kill(server.pid, "SIGCONT");
  await expect.poll(async () => (await client.ask("GET", "big11x")) === null).toBe(true);
});

test("three tiers: what left RAM comes from the disk, what left the disk from the remote store", async () => {
  const { server } = await redis();
  const directory = await mkdtemp(join(tmpdir(), "keepwarm-remote-"));
  const lower = await SsdTier.open({
    directory,
    capacityBytes: 24 * MIB,
    segmentBytes: 4 * MIB,
    queueBytes: 8 * MIB,
  });
  onTestFinished(async () => {
    await lower.close();
    await rm(directory, { recursive: true });
  });
  const front = await startBefore([server], { lower });
  const client = await front.client();
  const values = Array.from({ length: 60 }, (_, i) => pseudoRandomBytes(MIB, i));
  for (const [i, value] of values.entries()) {
    await client.ask("SET", `k${i}`, value);
    await front.server.state.tiers.settled();
    await front.server.state.tiers.settledRemotes();
  }
  for (const [i, value] of values.entries())
    expect(value.equals(await get(client, `k${i}`))).toBe(true);
  const stats = JSON.parse((await client.ask("KW.STATS")) as string) as {
    tiers: { hits: number }[];
    remotes: { hits: number }[];
  };
  expect(stats.remotes[0].hits).toBeGreaterThan(30);
});
