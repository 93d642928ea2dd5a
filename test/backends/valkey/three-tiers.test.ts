// RAM, disk and a shared store behind real Keepwarm processes that end and begin again.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startCluster } from "../../../src/testing/servers/cluster.ts";
import {
  startKeepwarm,
  type RunningKeepwarm,
} from "../../../src/testing/servers/keepwarm-server.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import { startSentinels } from "../../../src/testing/servers/sentinel.ts";
import { withConnection } from "../../../src/testing/servers/with-connection.ts";
import { replyText } from "../../../src/wire/resp/reply.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { until } from "./support.ts";

const MIB = 1024 ** 2;
/** More than RAM and disk of {@link serve} hold. */
const blocks = Array.from({ length: 72 }, (_, seed) => pseudoRandomBytes(MIB + seed, seed));

interface Stats {
  readonly tiers: readonly { readonly name: string; readonly hits: number }[];
  readonly remotes: readonly {
    readonly hits: number;
    readonly dropped: number;
    readonly failedWrites: number;
    readonly queuedItems: number;
  }[];
}

/** Servers of one deployment, as `--remote` names them. */
interface Deployment {
  readonly remotes: readonly string[];
  stop(): Promise<unknown>;
}

const deployments: Record<string, () => Promise<Deployment>> = {
  "one server": async () => {
    const server = await startRedisServer({ engine: "valkey" });
    return { remotes: [server.url], stop: () => server.stop() };
  },
  Sentinels: async () => {
    const password = "se/cret";
    const servers = await startSentinels({ engine: "valkey", password, sentinelPassword: "s" });
    const url = servers.url.replace("://", `://:${encodeURIComponent(password)}@`);
    return { remotes: [`${url}?sentinel-password=s`], stop: () => servers.stop() };
  },
  "a cluster": async () => {
    const cluster = await startCluster({ replicated: false });
    return { remotes: [cluster.url], stop: () => cluster.stop() };
  },
};

async function serve(remotes: readonly string[], directory: string): Promise<RunningKeepwarm> {
  const args = ["--ram-size", "16MiB", "--ssd-dir", directory, "--ssd-size", "32MiB"];
  const server = await startKeepwarm({
    args: [...args, ...remotes.flatMap((url) => ["--remote", url])],
  });
  onTestFinished(async () => void (await server.stop()));
  return server;
}

async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keepwarm-three-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function statsOf({ url }: RunningKeepwarm): Promise<Stats> {
  return withConnection(
    url,
    async (connection) =>
      JSON.parse(replyText(await connection.command(["KW.STATS"])) ?? "") as Stats,
  );
}

async function fill(server: RunningKeepwarm): Promise<void> {
  await withConnection(server.url, async (connection) => {
    for (const [index, block] of blocks.entries()) {
      await connection.set(`block-${index}`, [block]);
      // Engines store more slowly than this; what waits for a store is bounded.
      if (index % 8 === 7) await until(async () => isSettled(await statsOf(server)));
    }
  });
  await until(async () => isSettled(await statsOf(server)));
  for (const remote of (await statsOf(server)).remotes)
    expect(remote).toMatchObject({ dropped: 0, failedWrites: 0 });
}

function isSettled({ remotes }: Stats): boolean {
  return remotes.every(({ queuedItems }) => queuedItems === 0);
}

async function expectAll(server: RunningKeepwarm, order = [...blocks.keys()]): Promise<Stats> {
  const memory = Buffer.alloc(2 * MIB);
  await withConnection(server.url, async (connection) => {
    for (const index of order) {
      const block = blocks[index];
      expect(await connection.getInto(`block-${index}`, memory)).toBe(block.length);
      expect(block.equals(memory.subarray(0, block.length))).toBe(true);
    }
  });
  return statsOf(server);
}

test.each(Object.keys(deployments))(
  "behind RAM and disk, %s: every block survives restarts, with and without the disk",
  async (name) => {
    const deployment = await deployments[name]();
    onTestFinished(async () => void (await deployment.stop()));
    const directory = await freshDirectory();
    const first = await serve(deployment.remotes, directory);
    await fill(first);
    expect((await expectAll(first)).remotes[0].hits).toBeGreaterThan(8);
    expect(await first.stop()).toMatchObject({ code: 0 });

    const second = await serve(deployment.remotes, directory);
    // The latest first: they are still on the disk, until what comes up takes their place.
    const stats = await expectAll(second, [...blocks.keys()].toReversed());
    expect(stats.tiers.find(({ name }) => name === "ssd")?.hits).toBeGreaterThan(0);
    expect(stats.remotes[0].hits).toBeGreaterThan(8);
    second.process.kill("SIGKILL");
    await second.process.exited;

    await rm(directory, { recursive: true });
    const third = await serve(deployment.remotes, directory);
    expect((await expectAll(third)).remotes[0].hits).toBe(blocks.length);
  },
  60_000,
);

test("two stores, in their order: what the first has lost comes from the second", async () => {
  const [near, far] = [await startRedisServer(), await startRedisServer({ engine: "valkey" })];
  onTestFinished(async () => void (await Promise.all([near.stop(), far.stop()])));
  const remotes = [`${near.url}/1`, `${far.url}?prefix=shared:`];
  const first = await serve(remotes, await freshDirectory());
  await fill(first);
  for (const url of [`${near.url}/1`, far.url])
    expect(await withConnection(url, (each) => each.command(["DBSIZE"]))).toBe(blocks.length);
  await first.stop();

  const lost = Array.from({ length: 10 }, (_, index) => `block-${7 * index}`);
  await withConnection(`${near.url}/1`, (each) => each.command(["DEL", ...lost]));
  const second = await serve(remotes, await freshDirectory());
  const { remotes: both } = await expectAll(second);
  expect(both.map(({ hits }) => hits)).toEqual([blocks.length - lost.length, lost.length]);
  await second.stop();

  await near.stop();
  const third = await serve(remotes, await freshDirectory());
  expect((await expectAll(third)).remotes.map(({ hits }) => hits)).toEqual([0, blocks.length]);
}, 60_000);
