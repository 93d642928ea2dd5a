import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { connectResp } from "../../src/backends/valkey/client.ts";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import type { Report } from "../../src/cli/doctor/report.ts";
import { runCli } from "../../src/cli/program.ts";
import { startCluster } from "../../src/testing/servers/cluster.ts";
import { freePort } from "../../src/testing/servers/free-port.ts";
import { pollUntil } from "../../src/testing/servers/poll.ts";
import {
  type RedisServerOptions,
  startRedisServer,
} from "../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { startSentinels } from "../../src/testing/servers/sentinel.ts";
import { withConnection } from "../../src/testing/servers/with-connection.ts";
import { version } from "../../src/util/version.ts";
import { replyText } from "../../src/wire/resp/reply.ts";
import { makeCertificates } from "../support/certificates.ts";
import { startFront } from "../support/front.ts";
import { startLmFront } from "../support/lm-front.ts";

interface Examined extends Report {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const well = ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "keepwarm-doctor-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function run(args: string[], { tty = false, env = {}, cwd = folder() } = {}) {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    write: (data: string | Uint8Array) => (written[name] += Buffer.from(data).toString()),
    isTTY: tty,
    columns: 100,
  });
  const code = await runCli(["doctor", ...args], {
    stdout: sink("out"),
    stderr: sink("err"),
    stdin: Readable.from([]),
    env: { NO_COLOR: "1", ...env },
    cwd,
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

async function examine(args: string[], options: Parameters<typeof run>[1] = {}): Promise<Examined> {
  const result = await run([...args, "--json"], options);
  return { ...result, ...(JSON.parse(result.out) as Report) };
}

async function redis(...args: string[]): Promise<RunningServer> {
  return started({ args });
}

async function started(options: RedisServerOptions): Promise<RunningServer> {
  const server = await startRedisServer(options);
  onTestFinished(async () => void (await server.stop()));
  return server;
}

/** `level check` of all findings but those about this machine; how fast it is, is not told. */
function levels({ findings }: Report): string[] {
  return findings
    .filter(({ subject }) => subject !== "this machine")
    .map(({ level, check }) => `${level} ${check}`.replace(/^hint (ping|block)$/, "ok $1"));
}

function finding({ findings }: Report, check: string, level?: Finding["level"]): Finding {
  const found = findings.filter((each) => each.check === check);
  const wanted = level === undefined ? found[0] : found.find((each) => each.level === level);
  expect(wanted, `${level ?? ""} ${check}`).toBeDefined();
  return wanted!;
}

test("a server that is set up well is ok, and nothing is left there", async () => {
  const server = await redis(...well);
  const report = await examine([server.url]);
  expect(report).toMatchObject({ code: 0, ok: true, problems: 0 });
  expect(levels(report)).toEqual([
    "ok reach",
    "ok auth",
    "hint version",
    "hint io threads",
    "ok role",
    "ok maxmemory",
    "ok policy",
    "ok persistence",
    "ok value length",
    "ok client buffers",
    "ok ping",
    "ok block",
    "ok ttl",
  ]);
  await withConnection(server.url, async (connection) => {
    expect(await connection.command(["DBSIZE"])).toBe(0);
  });
});

test("bad settings are problems, each with the command that mends it", async () => {
  const server = await redis(
    ..."--maxmemory 0 --appendonly yes --appendfsync always --proto-max-bulk-len 2mb".split(" "),
    "--save",
    "60 1",
    "--client-output-buffer-limit",
    "normal 4mb 2mb 60",
  );
  const report = await examine([server.url]);
  expect(report).toMatchObject({ code: 1, ok: false, problems: 5 });
  expect(finding(report, "maxmemory").fix).toMatch(/^`CONFIG SET maxmemory \d+gb`\.$/);
  expect(finding(report, "policy")).toMatchObject({
    level: "problem",
    fix: "`CONFIG SET maxmemory-policy allkeys-lru`.",
  });
  expect(finding(report, "aof").level).toBe("problem");
  expect(finding(report, "rdb").level).toBe("hint");
  expect(finding(report, "value length").what).toContain("2 MiB");
  expect(finding(report, "client buffers").what).toContain("2 MiB");
});

test("what the doctor says to set makes the problems go", async () => {
  const server = await redis("--proto-max-bulk-len", "2mb", "--save", "60 1");
  const before = await examine([server.url]);
  await withConnection(server.url, async (connection) => {
    for (const { level, fix } of before.findings) {
      const command = /`CONFIG SET (\S+) "?([^`"]*)"?`/.exec(fix ?? "");
      if (level === "problem" && command !== null)
        await connection.command(["CONFIG", "SET", command[1], command[2]]);
    }
    await connection.command(["CONFIG", "SET", "save", ""]);
  });
  expect(before.problems).toBe(3);
  expect(await examine([server.url])).toMatchObject({ code: 0, problems: 0 });
});

test("a full server that does not evict says so", async () => {
  const server = await redis("--maxmemory", "3mb");
  await withConnection(server.url, async (connection) => {
    await connection.set("block", [Buffer.alloc(1.5 * 1024 ** 2)]).catch(() => {});
    await connection.set("block2", [Buffer.alloc(1024 ** 2)]).catch(() => {});
  });
  const report = await examine([server.url]);
  expect(finding(report, "block").what).toBe("is full and refuses new blocks");
});

test("policies that evict only what has a TTL are well if blocks have one", async () => {
  const server = await redis("--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru");
  expect(finding(await examine([server.url]), "policy").level).toBe("problem");
  expect(finding(await examine([`${server.url}?ttl=1h`]), "policy").level).toBe("ok");
});

test("a port where nobody listens, and a server that says nothing", async () => {
  const dead = await examine([`redis://127.0.0.1:${await freePort()}`]);
  expect(dead.code).toBe(1);
  expect(finding(dead, "reach")).toMatchObject({
    level: "problem",
    what: expect.stringContaining("ECONNREFUSED"),
    fix: expect.stringContaining("Check that it runs"),
  });
  const server = await redis();
  process.kill(server.pid, "SIGSTOP");
  const began = performance.now();
  const silent = await examine([server.url, "--timeout", "300ms"]);
  expect(performance.now() - began).toBeLessThan(5000);
  expect(finding(silent, "reach")).toMatchObject({
    level: "problem",
    what: expect.stringContaining("did not answer in time"),
  });
  process.kill(server.pid, "SIGCONT");
});

test.each([
  ["closes at once", (socket: Socket) => socket.end(), "reach"],
  ["speaks HTTP", (socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), "reach"],
  ["answers nonsense for ever", (socket: Socket) => socket.write("+PONG\r\n".repeat(9)), "reach"],
])("a server that %s is a problem, soon", async (_, behave, check) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => behave(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const report = await examine([`redis://127.0.0.1:${port}`, "--timeout", "300ms"]);
  expect(report.code).toBe(1);
  expect(finding(report, check, "problem").fix).toBeDefined();
});

test("passwords: missing, wrong, needless, and from the environment", async () => {
  const server = await redis(...well, "--requirepass", "secret");
  const { port } = server;
  expect(finding(await examine([server.url]), "auth").fix).toContain("Put the password");
  const wrong = await examine([`redis://:guess@127.0.0.1:${port}`]);
  expect(finding(wrong, "auth")).toMatchObject({ level: "problem" });
  expect(wrong.out).not.toContain("guess");
  const right = await examine([`redis://:secret@127.0.0.1:${port}`]);
  expect(right.code).toBe(0);
  expect(right.out).not.toContain("secret");
  expect(await examine([server.url], { env: { KEEPWARM_PASSWORD: "secret" } })).toMatchObject({
    code: 0,
  });
  const open = await redis(...well);
  const needless = await examine([`redis://:secret@127.0.0.1:${open.port}`]);
  expect(finding(needless, "auth").fix).toContain("Leave the password out");
});

test("a user who may do little is told what is missing", async () => {
  const rules = "reader on >pw ~kw:* +@read +@connection";
  const reader = await started({ args: well, users: [rules] });
  const report = await examine([`redis://reader:pw@127.0.0.1:${reader.port}`]);
  expect(report.code).toBe(1);
  expect(finding(report, "info").level).toBe("hint");
  expect(finding(report, "block")).toMatchObject({
    level: "problem",
    fix: expect.stringContaining("ACL SETUSER"),
  });
  const writer = await started({
    args: well,
    users: ["writer on >pw ~kw:* +@all -config"],
  });
  const url = `redis://writer:pw@127.0.0.1:${writer.port}`;
  const elsewhere = await examine([url]);
  expect(finding(elsewhere, "block").level).toBe("problem");
  expect(finding(elsewhere, "settings").level).toBe("hint");
  expect(levels(await examine([`${url}?prefix=kw:`]))).toContain("ok block");
});

test("TLS: with its authority, without, and in clear", async () => {
  const { ca, server: identity } = await makeCertificates();
  const server = await started({ args: well, tls: { ca, ...identity, clients: false } });
  const file = join(folder(), "ca.pem");
  writeFileSync(file, ca);
  const trusted = await examine([`${server.url}?ca=${file}`]);
  expect(trusted.code).toBe(0);
  expect(finding(trusted, "tls").level).toBe("ok");
  const untrusted = await examine([server.url]);
  expect(finding(untrusted, "tls")).toMatchObject({
    level: "problem",
    fix: expect.stringContaining("?ca="),
  });
  expect(finding(await examine([`${server.url}?insecure=true`]), "tls").level).toBe("hint");
  const clear = await examine([`redis://127.0.0.1:${server.port}`]);
  expect(finding(clear, "reach").level).toBe("problem");
});

test("a Sentinel trio: quorum, replicas, every server, and what is wrong when some are gone", async () => {
  const sentinels = await startSentinels({ downAfterMs: 20_000 });
  onTestFinished(() => sentinels.stop());
  const all = [sentinels.primary, ...sentinels.replicas];
  for (const { url } of all)
    await withConnection(url, async (connection) => {
      await connection.command(["CONFIG", "SET", "maxmemory", "64mb"]);
      await connection.command(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    });
  const report = await examine([sentinels.url]);
  expect(report.code).toBe(0);
  const subjects = new Set(report.findings.map(({ subject }) => subject));
  expect(subjects.size).toBe(1 + 3 + 1 + 2);
  expect(report.findings.filter(({ check }) => check === "quorum")).toHaveLength(3);
  expect(finding(report, "down-after").level).toBe("hint");
  expect(finding(report, "replica buffers").level).toBe("hint");
  expect(finding(report, "block").subject).toBe(sentinels.primary.url);

  const unknown = await examine([sentinels.url.replace(/[^/]*$/, "other")]);
  expect(finding(unknown, "sentinel").what).toContain("does not know other");
  expect(finding(unknown, "primary").level).toBe("problem");

  await sentinels.sentinels[1].stop();
  await sentinels.sentinels[2].stop();
  const [rest] = sentinels.sentinels;
  await withConnection(rest.url, (connection) =>
    connection.command(["SENTINEL", "SET", "redismaster", "down-after-milliseconds", "200"]),
  );
  await pollUntil("the quorum is lost", () =>
    withConnection(rest.url, async (connection) => {
      const reply = connection.command(["SENTINEL", "CKQUORUM", "redismaster"]);
      return reply.then(
        () => false,
        () => true,
      );
    }),
  );
  const alone = await examine([sentinels.url]);
  expect(alone.code).toBe(1);
  expect(finding(alone, "quorum")).toMatchObject({ level: "problem" });
  expect(alone.findings.filter((f) => f.check === "reach" && f.level === "problem")).toHaveLength(
    2,
  );
});

test("Sentinels and servers with passwords of their own, over TLS", async () => {
  const { ca, server, client } = await makeCertificates();
  const passwords = { password: "block:s", sentinelPassword: "watch&er" };
  const sentinels = await startSentinels({ ...passwords, tls: { ca, ...server } });
  onTestFinished(() => sentinels.stop());
  const files = folder();
  for (const [name, pem] of Object.entries({ ca, cert: client.cert, key: client.key }))
    writeFileSync(join(files, name), pem);
  const tls = `ca=${files}/ca&cert=${files}/cert&key=${files}/key`;
  const withPassword = sentinels.url.replace("://", "://:block%3As@");
  const report = await examine([`${withPassword}?${tls}&sentinel-password=watch%26er`]);
  expect(report.findings.filter(({ check }) => check === "quorum")).toHaveLength(3);
  expect(finding(report, "auth").level).toBe("ok");
  expect(finding(report, "tls").level).toBe("ok");
  expect(finding(report, "block").level).not.toBe("problem");
  expect(report.out).not.toMatch(/block:s|watch&er|block%3As|watch%26er/);

  const shut = await examine([`${withPassword}?${tls}`]);
  expect(finding(shut, "auth", "problem").fix).toContain("?sentinel-password=");
  const wrong = await examine([`${withPassword}?${tls}&sentinel-password=guess`]);
  expect(finding(wrong, "auth", "problem").fix).toContain("`sentinel-password`");
  const half = await examine([`${sentinels.url}?${tls}&sentinel-password=watch%26er`]);
  expect(finding(half, "auth", "problem").subject).toBe(sentinels.primary.url);
  expect(finding(half, "auth", "problem").fix).toContain("password into the URL");
}, 60_000);

test("a cluster with a password, over TLS", async () => {
  const { ca, server, client } = await makeCertificates();
  const cluster = await startCluster({ password: "secret", tls: { ca, ...server } });
  onTestFinished(() => cluster.stop());
  const files = folder();
  for (const [name, pem] of Object.entries({ ca, cert: client.cert, key: client.key }))
    writeFileSync(join(files, name), pem);
  const url = `${cluster.url}?ca=${files}/ca&cert=${files}/cert&key=${files}/key`;
  const report = await examine([url], { env: { KEEPWARM_PASSWORD: "secret" } });
  expect(finding(report, "slots").level).toBe("ok");
  expect(levels(report).filter((level) => level === "ok block")).toHaveLength(3);
  expect(report.findings.filter((f) => f.check === "tls" && f.level === "ok")).toHaveLength(6);
  expect(finding(await examine([url]), "auth", "problem").what).toMatch(/NOAUTH/);
}, 60_000);

test("a replica by itself takes no blocks", async () => {
  const primary = await redis(...well);
  const replica = await redis(...well, "--replicaof", `127.0.0.1 ${primary.port}`);
  expect(finding(await examine([replica.url]), "role")).toMatchObject({
    level: "problem",
    what: expect.stringContaining(`127.0.0.1:${primary.port}`),
  });
});

test("a cluster: every node, coverage, slots without a node, primaries without a replica", async () => {
  const cluster = await startCluster({ replicated: false });
  onTestFinished(() => cluster.stop());
  const everywhere = async (name: string, value: string) => {
    for (const { url } of cluster.primaries)
      await withConnection(url, (connection) => connection.command(["CONFIG", "SET", name, value]));
  };
  await everywhere("maxmemory", "64mb");
  await everywhere("maxmemory-policy", "allkeys-lru");
  const report = await examine([cluster.url]);
  expect(report.code).toBe(0);
  expect(finding(report, "full coverage").level).toBe("ok");
  expect(finding(report, "replicas").level).toBe("hint");
  expect(levels(report).filter((level) => level === "ok block")).toHaveLength(3);

  const tagged = await examine([`${cluster.url}?prefix={kw}`]);
  expect(tagged.code).toBe(0);
  expect(
    tagged.findings.filter(({ what }) => what.includes("no names that begin with")),
  ).toHaveLength(2);

  await everywhere("cluster-require-full-coverage", "yes");
  const [first] = cluster.primaries;
  await withConnection(first.url, (connection) =>
    connection.command(["CLUSTER", "DELSLOTSRANGE", "0", "99"]),
  );
  await pollUntil("the cluster is down", () =>
    withConnection(first.url, async (connection) =>
      (replyText(await connection.command(["CLUSTER", "INFO"])) ?? "").includes("state:fail"),
    ),
  );
  const torn = await examine([cluster.url]);
  expect(torn.code).toBe(1);
  expect(finding(torn, "state").level).toBe("problem");
  expect(finding(torn, "slots").what).toContain("100 of 16,384 slots");
  expect(finding(torn, "full coverage").level).toBe("hint");

  const single = await examine([`redis://127.0.0.1:${cluster.primaries[1].port}`]);
  expect(finding(single, "role", "problem").fix).toContain("redis-cluster://");
  const notCluster = await redis(...well);
  const wrong = await examine([`redis-cluster://127.0.0.1:${notCluster.port}`]);
  expect(finding(wrong, "cluster").fix).toContain("cluster mode");
});

test("a cluster with replicas has nothing to hint at there", async () => {
  const cluster = await startCluster();
  onTestFinished(() => cluster.stop());
  const report = await examine([cluster.url]);
  expect(finding(report, "replicas")).toMatchObject({ level: "ok" });
  expect(report.findings.filter((f) => f.what === "a replica that is up to date")).toHaveLength(3);
});

test("a Keepwarm server: its state instead of settings, and the pressure on it", async () => {
  const front = await startFront({ version });
  const { url } = front.server;
  const report = await examine([url]);
  expect(report.code).toBe(0);
  expect(levels(report)).toEqual([
    "ok reach",
    "ok auth",
    "ok version",
    "ok eviction",
    "ok ping",
    "ok block",
    "ok ttl",
  ]);
  const connection = await connectResp(url);
  for (let i = 0; front.ram.counters.evicted < 100; i++)
    await connection.set(`k${i}`, [Buffer.alloc(512 * 1024)]);
  await connection.close();
  expect(finding(await examine([url]), "eviction")).toMatchObject({
    level: "hint",
    fix: expect.stringContaining("ssd.dir"),
  });
});

test("an lm:// server answers, or does not", async () => {
  const front = await startLmFront();
  expect(levels(await examine([front.server.url]))).toEqual(["ok reach", "ok auth"]);
  const dead = await examine([`lm://127.0.0.1:${await freePort()}`]);
  expect(finding(dead, "reach").level).toBe("problem");
});

test("stores come from the configuration, whose own problems are findings", async () => {
  const server = await redis(...well);
  const cwd = folder();
  const file = join(cwd, "keepwarm.yaml");
  writeFileSync(file, `remote: ["${server.url}"]\nram: {size: 64MiB}\n`);
  const report = await examine([], { cwd });
  expect(report.findings.some(({ subject }) => subject === server.url)).toBe(true);
  expect(finding(report, "configuration")).toMatchObject({ level: "ok", what: "keepwarm.yaml" });
  writeFileSync(file, "ram: {sise: 64MiB}\nremote: [nowhere]\n");
  const broken = await examine([], { cwd });
  expect(broken.code).toBe(1);
  expect(finding(broken, "configuration")).toMatchObject({
    level: "problem",
    what: expect.stringContaining("ram.sise is not a setting"),
  });
});

test("a URL that is none is an error of its own", async () => {
  expect((await run(["http://host"])).code).toBe(65);
});

test("people see subjects, findings and what to change; pipes a line each", async () => {
  const server = await redis();
  const { out, err } = await run([server.url], { tty: true });
  expect(out).toMatch(/^this machine\n {2}ok/);
  expect(out).toMatch(
    new RegExp(`\\n\\n${server.url}\\n[^]*  problem  maxmemory +has no limit.*\\n +→ \`CONFIG SET`),
  );
  expect(err).toMatch(/^2 problems, \d+ hints\n$/);
  const piped = (await run([server.url])).out;
  expect(piped).toMatch(/\tproblem\tpolicy\tnoeviction: .*\t`CONFIG SET/);
  expect((await run([server.url, "-q"])).out).toBe("");
});
