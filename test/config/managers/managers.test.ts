import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { connectResp } from "../../../src/backends/valkey/client.ts";
import { RedisManager } from "../../../src/config/managers/redis-manager.ts";
import { ValkeyManager } from "../../../src/config/managers/valkey-manager.ts";
import { isKeepwarmError } from "../../../src/errors.ts";
import type { ManagerOptions } from "../../../src/metrics-channel/manager/options.ts";
import type { ServerManager } from "../../../src/metrics-channel/manager/server-manager.ts";
import { type Binary, findBinary } from "../../../src/testing/servers/binaries.ts";
import { freePort } from "../../../src/util/free-port.ts";
import { pollUntil } from "../../../src/testing/servers/poll.ts";
import { ServerProcess } from "../../../src/testing/servers/process.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import { type Certificates, makeCertificates } from "../../support/certificates.ts";

let redis: Binary;
let valkey: Binary;
beforeAll(async () => {
  redis = await findBinary("redis-server");
  valkey = await findBinary("valkey-server");
});

beforeEach(() => {
  for (const prefix of ["VALKEY", "REDIS"])
    for (const name of ["HOST", "PORT", "DB", "PASSWORD"]) vi.stubEnv(`${prefix}_${name}`, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** Puts only these programs, and what a shell needs, on PATH. */
function onPath(...binaries: Binary[]): void {
  const folders = binaries.map(({ path }) => dirname(path));
  const libraries = binaries.map(({ env }) => env["LD_LIBRARY_PATH"] ?? "").filter(Boolean);
  const tools = binaries.length === 0 ? [] : ["/usr/bin", "/bin"];
  vi.stubEnv("PATH", [...folders, ...tools].join(":"));
  vi.stubEnv("LD_LIBRARY_PATH", libraries.join(":"));
}

function managed<T extends ServerManager>(manager: T): T {
  onTestFinished(() => manager.stop());
  return manager;
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Hands one sample over through the server. */
async function expectWorking(manager: ServerManager): Promise<void> {
  const channel = manager.openChannel({ deadlineMs: 5000 });
  onTestFinished(() => channel.close());
  channel.push("a", { step: 0, norm: 1.5 });
  await channel.flush();
  expect(await channel.drain("a", { expected: 1 })).toMatchObject({ complete: true });
}

describe("which server", () => {
  it("is the one that answers already, which also outlives the manager", async () => {
    const server = await startRedisServer();
    onTestFinished(async () => void (await server.stop()));
    onPath(valkey);
    const manager = managed(new ValkeyManager({ host: "127.0.0.1", port: server.port, db: 5 }));
    expect(manager.servedBy).toBeUndefined();
    await manager.start();
    expect(manager).toMatchObject({ servedBy: "found", pid: undefined, db: 5, port: server.port });
    await expectWorking(manager);
    await manager.stop();
    expect(server.process.exit).toBeUndefined();
  });

  it.each([
    ["valkey-server", ValkeyManager, () => [redis, valkey]],
    ["redis-server", RedisManager, () => [valkey, redis]],
    ["redis-server", ValkeyManager, () => [redis]],
    ["keepwarm", ValkeyManager, () => []],
    ["keepwarm", RedisManager, () => []],
  ] as const)("is %s for a %o, by what is on PATH", async (by, Manager, binaries) => {
    // Both programs lie in one folder where Debian's packages do: then the first name decides.
    const both = dirname(redis.path) === dirname(valkey.path);
    const expected = both && binaries().length === 1 ? "valkey-server" : by;
    onPath(...binaries());
    const manager = managed(new Manager({ host: "127.0.0.1", port: 0 }));
    await manager.start();
    expect(manager.servedBy).toBe(expected);
    expect(manager.port).toBeGreaterThan(0);
    await expectWorking(manager);
    await manager.stop();
    expect(manager.servedBy).toBeUndefined();
    const gone = connectResp(`redis://127.0.0.1:${manager.port}`, { deadlineMs: 1000 });
    expect(isKeepwarmError(await failure(gone), "CONNECTION_FAILED")).toBe(true);
  });

  it("is one for two managers that begin at the same time", async () => {
    onPath(valkey);
    const port = await freePort();
    const managers = [ValkeyManager, RedisManager].map((Manager) =>
      managed(new Manager({ host: "127.0.0.1", port })),
    );
    await Promise.all(managers.map((manager) => manager.start()));
    const servedBy = new Set(managers.map((manager) => manager.servedBy));
    expect(servedBy).toEqual(new Set(["found", "valkey-server"]));
    for (const manager of managers) await expectWorking(manager);
  });

  it("is one for the process with the static start and stop", async () => {
    onPath(valkey);
    onTestFinished(() => ValkeyManager.stop());
    const port = await freePort();
    const manager = await ValkeyManager.start({ host: "127.0.0.1", port });
    expect(await ValkeyManager.start()).toBe(manager);
    const pid = manager.pid!;
    expect(isRunning(pid)).toBe(true);
    await ValkeyManager.stop();
    expect(isRunning(pid)).toBe(false);
    await ValkeyManager.stop();
  });

  it("is another one after the first was killed", async () => {
    onPath(valkey);
    const manager = managed(new ValkeyManager({ host: "127.0.0.1", port: 0 }));
    await manager.start();
    const first = manager.pid!;
    await manager.start();
    expect(manager.pid).toBe(first);
    process.kill(first, "SIGKILL");
    await pollUntil("the manager knows", async () => manager.servedBy === undefined);
    await manager.start();
    expect(manager.pid).not.toBe(first);
    await expectWorking(manager);
  });
});

describe("what a started server asks for", () => {
  let certificates: Certificates;
  beforeAll(async () => {
    certificates = await makeCertificates();
  });

  const cases: Record<string, () => ManagerOptions> = {
    "a password": () => ({ password: 'se"cret \\ #1' }),
    "an ACL user": () => ({ username: "sampler", password: "p@ss" }),
    "another database": () => ({ db: 7 }),
    TLS: () => ({ tls: { ca: certificates.ca }, certificate: certificates.server }),
    "TLS with client certificates": () => ({
      tls: { ca: certificates.ca, ...certificates.client },
      certificate: { ...certificates.server, ca: certificates.ca },
      password: "x",
    }),
  };
  for (const [name, options] of Object.entries(cases))
    it.each(["valkey-server", "redis-server", "keepwarm"] as const)(
      `is ${name}, %s`,
      async (by) => {
        const Manager = by === "redis-server" ? RedisManager : ValkeyManager;
        onPath(...(by === "keepwarm" ? [] : [by === "redis-server" ? redis : valkey]));
        const manager = managed(new Manager({ host: "127.0.0.1", port: 0, ...options() }));
        await manager.start();
        expect(manager.servedBy).toBe(by);
        await expectWorking(manager);
        const { tls, password } = options();
        if (password === undefined) return;
        const { url } = manager.connection;
        const stranger = connectResp(url!, tls ? { tls } : {});
        const error = await failure(stranger.then((one) => one.command(["DBSIZE"])));
        expect(isKeepwarmError(error, "REPLY")).toBe(true);
      },
    );

  it("is nothing more on a Unix socket than to be this user", async () => {
    onPath(valkey);
    const folder = await mkdtemp(join(tmpdir(), "keepwarm-manager-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const manager = managed(new ValkeyManager({ path: join(folder, "server.sock") }));
    await manager.start();
    expect(manager).toMatchObject({
      servedBy: "valkey-server",
      url: `unix:${join(folder, "server.sock")}`,
    });
    await expectWorking(manager);
  });
});

describe("refusals", () => {
  it("starts nothing on another machine", async () => {
    onPath(valkey);
    const manager = managed(new ValkeyManager({ host: "host.invalid", port: 6379 }));
    const error = await failure(manager.start());
    expect(isKeepwarmError(error, "CONNECTION_FAILED")).toBe(true);
    expect(error).toMatchObject({ remedy: expect.stringMatching(/only on this machine/) });
  });

  it("does not put a server beside one that knows another password", async () => {
    onPath(valkey);
    const first = managed(new ValkeyManager({ host: "127.0.0.1", port: 0, password: "right" }));
    await first.start();
    const { port } = first;
    const second = managed(new RedisManager({ host: "127.0.0.1", port, password: "wrong" }));
    const error = await failure(second.start());
    expect(isKeepwarmError(error, "REPLY")).toBe(true);
    expect(String(error)).toMatch(/WRONGPASS/);
  });

  it("tells what a server said that could not start", async () => {
    onPath(valkey);
    const mute = createServer(() => {}).listen(0, "127.0.0.1");
    await once(mute, "listening");
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as { port: number };
    const manager = managed(new ValkeyManager({ host: "127.0.0.1", port }));
    const error = await failure(manager.start());
    expect(isKeepwarmError(error, "LISTEN_FAILED")).toBe(true);
    expect(String(error)).toMatch(/in use/i);
    expect(manager.servedBy).toBeUndefined();
  });

  it("starts none with TLS and without a certificate, and Keepwarm on no Unix socket", async () => {
    onPath(valkey);
    const open = managed(new ValkeyManager({ host: "127.0.0.1", port: 0, tls: {} }));
    expect(isKeepwarmError(await failure(open.start()), "UNSUPPORTED")).toBe(true);
    onPath();
    const socket = managed(new ValkeyManager({ path: "/nonexistent/server.sock" }));
    expect(isKeepwarmError(await failure(socket.start()), "UNSUPPORTED")).toBe(true);
  });

  it.each([
    ["VALKEY_PORT", "65536"],
    ["REDIS_DB", "two"],
  ])("does not take %s=%s", (name, value) => {
    vi.stubEnv(name, value);
    const error = (() => {
      try {
        return new ValkeyManager();
      } catch (caught) {
        return caught;
      }
    })();
    expect(isKeepwarmError(error, "CONFIG_INVALID")).toBe(true);
  });
});

describe("the environment", () => {
  it("names the endpoint, each with its own names first", () => {
    vi.stubEnv("VALKEY_HOST", "cache-1");
    vi.stubEnv("REDIS_HOST", "cache-2");
    vi.stubEnv("REDIS_PORT", "7001");
    vi.stubEnv("VALKEY_DB", "3");
    vi.stubEnv("REDIS_PASSWORD", "word");
    expect(new ValkeyManager()).toMatchObject({ host: "cache-1", port: 7001, db: 3 });
    expect(new RedisManager()).toMatchObject({ host: "cache-2", port: 7001, db: 3 });
    expect(new ValkeyManager({ host: "h", db: 1 })).toMatchObject({ host: "h", port: 7001, db: 1 });
    expect(new ValkeyManager().connection).toMatchObject({ password: "word", database: 3 });
    const { connection } = new ValkeyManager({ url: "rediss://me:own@h:1/2" });
    expect(connection).toMatchObject({ url: "rediss://h:1/2", username: "me", password: "own" });
  });

  it("is exported as constants", async () => {
    vi.stubEnv("VALKEY_PORT", "7002");
    vi.stubEnv("REDIS_HOST", "cache-2");
    vi.stubEnv("REDIS_DB", "nonsense");
    vi.resetModules();
    const path = "../../../src/metrics-channel/manager/environment.ts";
    const names = (await import(path)) as object;
    expect(names).toMatchObject({ VALKEY_HOST: "localhost", VALKEY_PORT: 6379, VALKEY_DB: 0 });
    vi.stubEnv("REDIS_DB", "4");
    vi.resetModules();
    expect(await import(path)).toMatchObject({
      VALKEY_HOST: "cache-2",
      VALKEY_PORT: 7002,
      VALKEY_DB: 4,
      VALKEY_PASSWORD: undefined,
      REDIS_HOST: "cache-2",
      REDIS_PORT: 7002,
      REDIS_DB: 4,
      REDIS_PASSWORD: undefined,
    });
  });
});

describe("the end of the process", () => {
  const program = fileURLToPath(new URL("starting-process.ts", import.meta.url));

  it.each(["SIGKILL", "SIGTERM", "by itself"] as const)("ends its server: %s", async (how) => {
    onPath(valkey);
    let started: { pid: number; port: number; folder: string } | undefined;
    const parent = new ServerProcess(
      "parent",
      { path: process.execPath, env: process.env },
      {
        args: ["--import", "tsx", program, how === "by itself" ? "" : "hang"],
        onLine: (line) => (started = JSON.parse(line) as typeof started),
      },
    );
    onTestFinished(() => parent.kill("SIGKILL"));
    await parent.until(async () => started).catch(() => {});
    if (how !== "by itself") {
      expect(isRunning(started!.pid)).toBe(true);
      expect(existsSync(started!.folder)).toBe(true);
      parent.kill(how);
    }
    const exit = await parent.exited;
    expect(exit).toEqual(
      how === "by itself" ? { code: 0, signal: null } : { code: null, signal: how },
    );
    const { pid, folder } = started!;
    await pollUntil("the server is gone", async () => !isRunning(pid) && !existsSync(folder));
  });

  it("is not held up by Keepwarm in this process", async () => {
    onPath();
    let servedBy: unknown;
    const parent = new ServerProcess(
      "parent",
      { path: process.execPath, env: process.env },
      {
        args: ["--import", "tsx", program],
        onLine: (line) => ({ servedBy } = JSON.parse(line) as { servedBy: unknown }),
      },
    );
    expect(await parent.exited).toEqual({ code: 0, signal: null });
    expect(servedBy).toBe("keepwarm");
  });
});
