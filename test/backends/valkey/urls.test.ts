// What a URL, a configuration and the environment can say, each against real servers.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { valkeyOptionsFromEnvironment } from "../../../src/backends/valkey/environment.ts";
import { withoutPassword } from "../../../src/config/redact.ts";
import { freePort } from "../../../src/testing/servers/free-port.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../../src/testing/servers/running-server.ts";
import { startSentinels } from "../../../src/testing/servers/sentinel.ts";
import { withConnection } from "../../../src/testing/servers/with-connection.ts";
import { replyText, type Reply } from "../../../src/wire/resp/reply.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { getAll, makeBlocks, openStore, putAll, timed } from "./support.ts";

const socket = `/tmp/keepwarm-urls-${process.pid}.sock`;
const user = "engine on >p@ss/word:1 ~kw:* +@all";
let server: RunningServer;
beforeAll(async () => {
  server = await startRedisServer({ users: [user], args: ["--unixsocket", socket] });
});
afterAll(() => server.stop());

function ask(...args: string[]): Promise<Reply> {
  return withConnection(server.url, (connection) => connection.command(args));
}

describe("a URL", () => {
  test.each([
    ["redis", "//127.0.0.1:PORT", 0],
    ["valkey", "//127.0.0.1:PORT/3", 3],
    ["keepwarm", "//127.0.0.1:PORT?db=4", 4],
    ["unix", `//${socket}`, 0],
    ["unix", `//${socket}?db=5`, 5],
  ])("%s:%s chooses server and database %i", async (scheme, rest, database) => {
    const url = `${scheme}:${rest.replace("PORT", String(server.port))}`;
    const store = openStore({ url, format: "raw" });
    const key = `${scheme}${database}`;
    expect(await store.put([{ key, value: Buffer.from("v") }])).toEqual([{ status: "stored" }]);
    const found = await withConnection(`${server.url}/${database}`, (connection) =>
      connection.command(["EXISTS", key]),
    );
    expect(found).toBe(1);
  });

  test.each([`redis://engine:p%40ss%2Fword%3A1@HOST`, `unix://engine:p%40ss%2Fword%3A1@${socket}`])(
    "names user and password: %s",
    async (form) => {
      const url = `${form.replace("HOST", `127.0.0.1:${server.port}`)}?prefix=kw:&format=raw`;
      const store = openStore({ url });
      await store.put([{ key: "user", value: Buffer.from("v") }]);
      expect(await ask("EXISTS", "kw:user")).toBe(1);
      const strange = openStore({ url: url.replace("kw:", "other:") });
      expect((await strange.put([{ key: "k", value: Buffer.from("v") }]))[0].status).toBe(
        "rejected",
      );
      expect(strange.stats().lastError).toMatch(/NOPERM/);
    },
  );

  test("names prefix, time to live and format", async () => {
    const store = openStore({ url: `${server.url}?prefix=a%26b:&ttl=90s&format=raw` });
    await store.put([{ key: "k", value: Buffer.from("v") }]);
    expect(replyText(await ask("GET", "a&b:k"))).toBe("v");
    expect(Number(await ask("PTTL", "a&b:k"))).toBeGreaterThan(80_000);
  });

  test("names the number of connections and what is in flight on each", async () => {
    const store = openStore({ url: `${server.url}?connections=3&depth=1` });
    const blocks = makeBlocks(60, 700_000);
    await putAll(store, blocks);
    expect(await getAll(store, blocks)).toBe(60);
    await store.has(["block-0"]);
    expect(store.stats().servers[0].connections).toBe(4);
    const clients = replyText(await ask("CLIENT", "LIST", "TYPE", "NORMAL")) ?? "";
    expect(clients.trim().split("\n").length).toBeLessThanOrEqual(3 + 1 + 1);
  });

  test("names deadlines and what may wait", async () => {
    const own = await startRedisServer();
    onTestFinished(async () => {
      own.process.kill("SIGCONT");
      await own.stop();
    });
    const query =
      "deadline=300ms&connect-deadline=200ms&queue-size=2MiB&queue-calls=12&recycle-size=0";
    const store = openStore({ url: `${own.url}?${query}&connections=1&depth=1` });
    await store.put([{ key: "k", value: Buffer.alloc(100) }]);
    own.process.kill("SIGSTOP");
    const value = Buffer.alloc(500_000);
    const writing = timed(
      Promise.all(Array.from({ length: 10 }, (_, i) => store.put([{ key: `w${i}`, value }]))),
    );
    const reading = timed(store.get(Array.from({ length: 30 }, (_, i) => `r${i}`)));
    expect(store.stats().servers[0].waitingBytes).toBeLessThanOrEqual(2 * 1024 ** 2);
    expect(store.stats().servers[0].waiting).toBeLessThanOrEqual(12);
    for (const { ms } of [await writing, await reading]) expect(ms).toBeLessThan(300 + 100);
    expect(store.stats().servers[0].dropped).toBeGreaterThan(0);
  });

  test.each(["rediss", "valkeys"])(
    "%s: authority, client certificate and server name from the query",
    async (scheme) => {
      const { ca, server: identity, client } = await makeCertificates();
      const own = await startRedisServer({ tls: { ca, ...identity } });
      const folder = await mkdtemp(join(tmpdir(), "keepwarm-urls-"));
      onTestFinished(async () => {
        await own.stop();
        await rm(folder, { recursive: true });
      });
      const files = { ca, cert: client.cert, key: client.key };
      for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, name), pem);
      const mine = `cert=${folder}/cert&key=${folder}/key`;
      const base = `${scheme}://127.0.0.1:${own.port}`;
      await openStore({ url: `${base}?ca=${folder}/ca&${mine}` }).check();
      await openStore({ url: `${base}?insecure=true&${mine}` }).check();
      await openStore({ url: `${base}?ca=${folder}/ca&${mine}&servername=127.0.0.1` }).check();
      for (const query of [mine, `ca=${folder}/ca`, `ca=${folder}/ca&${mine}&servername=other`])
        await expect(openStore({ url: `${base}?${query}` }).check()).rejects.toMatchObject({
          code: "CONNECTION_FAILED",
        });
    },
    20_000,
  );

  test("is shown without its passwords", () => {
    const url = "redis-sentinel://u:secret@h1,h2/main?sentinel-password=hidden&ttl=1h";
    expect(withoutPassword(url)).toBe(
      "redis-sentinel://u:(set)@h1,h2/main?sentinel-password=(set)&ttl=1h",
    );
    const bad = `redis://h/nonsense?sentinel-password=hidden`;
    expect(() => openStore({ url: bad })).toThrow(/^(?!.*hidden)/s);
  });
});

describe("the environment", () => {
  test.each(["VALKEY", "REDIS"])("%s_HOST, _PORT, _DB and _PASSWORD", async (name) => {
    const own = await startRedisServer({ args: ["--requirepass", "se:cret"] });
    onTestFinished(async () => void (await own.stop()));
    const env = {
      [`${name}_HOST`]: "127.0.0.1",
      [`${name}_PORT`]: String(own.port),
      [`${name}_DB`]: "6",
      [`${name}_PASSWORD`]: "se:cret",
    };
    const store = openStore(valkeyOptionsFromEnvironment({ format: "raw" }, env));
    await store.put([{ key: "k", value: Buffer.from("v") }]);
    const found = await withConnection(`redis://:se%3Acret@127.0.0.1:${own.port}/6`, (connection) =>
      connection.command(["EXISTS", "k"]),
    );
    expect(found).toBe(1);
  });

  test("REDIS_SERVICE_NAME and REDIS_TIMEOUT, with Sentinels from a URL", async () => {
    const servers = await startSentinels({ service: "cache" });
    onTestFinished(() => servers.stop());
    const url = servers.url.replace("/cache", "");
    const env = { REDIS_SERVICE_NAME: "cache", REDIS_TIMEOUT: "0.4" };
    const store = openStore(valkeyOptionsFromEnvironment({ url }, env));
    await store.check();
    servers.primary.process.kill("SIGSTOP");
    onTestFinished(() => servers.primary.process.kill("SIGCONT"));
    const { ms, elapsedMs } = await timed(store.get(["k"]));
    expect(elapsedMs).toBeGreaterThan(300);
    expect(ms).toBeLessThan(500);
    await expect(openStore({ url }).check()).rejects.toThrow(/redismaster/);
  }, 30_000);

  test("nobody there is a miss before the deadline", async () => {
    const env = { VALKEY_HOST: "localhost", VALKEY_PORT: String(await freePort()) };
    const store = openStore(valkeyOptionsFromEnvironment({ deadlineMs: 1000 }, env));
    expect((await timed(store.get(["k"]))).result).toEqual([undefined]);
  });
});
