import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { clusterSlot } from "../../../src/keys/cluster-slot.ts";
import { startCluster, type ClusterOptions } from "../../../src/testing/servers/cluster.ts";
import { startSentinels, type SentinelsOptions } from "../../../src/testing/servers/sentinel.ts";
import { makeCertificates, type Certificates } from "../../support/certificates.ts";
import { getAll, makeBlocks, openStore, putAll, until } from "./support.ts";

const password = "block/s@1";
const sentinelPassword = "watch:er&+";
const impatient = { deadlineMs: 1000, connectDeadlineMs: 500 };

/** All that a store needs of a Sentinel. */
const leastRules =
  "keepwarm on >only=this &+switch-master -@all +ping +hello +subscribe +sentinel|get-master-addr-by-name";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await makeCertificates();
});

async function sentinels(options: SentinelsOptions) {
  const servers = await startSentinels({ engine: "valkey", ...options });
  onTestFinished(() => servers.stop());
  return servers;
}

async function cluster(options: ClusterOptions) {
  const servers = await startCluster(options);
  onTestFinished(() => servers.stop());
  return servers;
}

function withCredentials(url: string, query: Readonly<Record<string, string>>): string {
  const secret = `:${encodeURIComponent(password)}@`;
  return `${url.replace("://", `://${secret}`)}?${new URLSearchParams(query).toString()}`;
}

describe("Sentinels with passwords", () => {
  test("both passwords stand in the URL; blocks survive the primary", async () => {
    const servers = await sentinels({ password, sentinelPassword });
    const url = withCredentials(servers.url, { "sentinel-password": sentinelPassword });
    const store = openStore({ url, ...impatient });
    await store.check();
    const blocks = makeBlocks(6, 100_000);
    expect(await putAll(store, blocks)).toBe(6);
    servers.primary.process.kill("SIGKILL");
    await until(async () => (await putAll(store, blocks)) === 6, 20_000);
    expect(await getAll(store, blocks)).toBe(6);
    expect(store.stats().servers[0].url).toContain(String(servers.replicas[0].port));
  }, 60_000);

  test("a user of the Sentinels who may do only what a store needs is enough", async () => {
    const servers = await sentinels({ sentinelPassword, sentinelUsers: [leastRules] });
    const query = { "sentinel-username": "keepwarm", "sentinel-password": "only=this" };
    const store = openStore({
      url: `${servers.url}?${new URLSearchParams(query).toString()}`,
      ...impatient,
    });
    const blocks = makeBlocks(6, 100_000);
    expect(await putAll(store, blocks)).toBe(6);
    servers.primary.process.kill("SIGKILL");
    await until(async () => (await putAll(store, blocks)) === 6, 20_000);
    expect(await getAll(store, blocks)).toBe(6);
  }, 60_000);

  test("which password is missing or wrong is said, and never shown", async () => {
    const servers = await sentinels({ password, sentinelPassword });
    for (const [options, message] of [
      [{ password }, /no Sentinel names redismaster: .*NOAUTH/],
      [{ password, sentinelPassword: "nonsense" }, /no Sentinel names redismaster: .*WRONGPASS/],
      [{ sentinelPassword }, /NOAUTH/],
      [{ password: "nonsense", sentinelPassword }, /WRONGPASS/],
    ] as const) {
      const store = openStore({ url: servers.url, ...options, ...impatient });
      const failure = await store.check().then(
        () => "none",
        (error: unknown) => String(error),
      );
      expect(failure).toMatch(message);
      expect(failure).not.toMatch(/nonsense|watch/);
      expect(await store.get(["k"])).toEqual([undefined]);
      expect(store.stats().lastError).toMatch(message);
    }
  }, 60_000);
});

describe("over TLS", () => {
  test("Sentinels, their servers and a failover, with certificates from files", async () => {
    const { ca, server, client } = certificates;
    const servers = await sentinels({ password, sentinelPassword, tls: { ca, ...server } });
    const folder = await mkdtemp(join(tmpdir(), "keepwarm-tls-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const files = { ca, cert: client.cert, key: client.key };
    for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, name), pem);
    const url = withCredentials(servers.url, {
      "sentinel-password": sentinelPassword,
      ca: join(folder, "ca"),
      cert: join(folder, "cert"),
      key: join(folder, "key"),
    });
    const store = openStore({ url, ...impatient });
    const blocks = makeBlocks(6, 300_000);
    expect(await putAll(store, blocks)).toBe(6);
    servers.primary.process.kill("SIGKILL");
    await until(async () => (await putAll(store, blocks)) === 6, 20_000);
    expect(await getAll(store, blocks)).toBe(6);
    const stranger = openStore({ url: servers.url, tls: { ca }, ...impatient });
    await expect(stranger.check()).rejects.toThrow(/no Sentinel names/);
  }, 60_000);

  test("a cluster: slots that move, and a node that dies", async () => {
    const { ca, server, client } = certificates;
    const nodes = await cluster({ password, tls: { ca, ...server } });
    const tls = { ca, ...client };
    const store = openStore({ url: nodes.url, password, tls, ...impatient });
    const blocks = makeBlocks(30, 50_000);
    expect(await putAll(store, blocks)).toBe(30);
    expect(store.stats().servers.every(({ url }) => url.startsWith("rediss://"))).toBe(true);
    const [first, second] = nodes.primaries;
    const held = await nodes.slotsOf(first);
    const moved = [...blocks.keys()]
      .map((key) => clusterSlot(Buffer.from(key)))
      .filter((slot) => held.has(slot));
    await nodes.migrate(moved[0], first, second);
    expect(await getAll(store, blocks)).toBe(30);
    expect(store.stats().redirected).toBeGreaterThan(0);
    first.process.kill("SIGKILL");
    await until(async () => (await putAll(store, blocks)) === 30, 20_000);
    expect(await getAll(store, blocks)).toBe(30);
  }, 60_000);
});
