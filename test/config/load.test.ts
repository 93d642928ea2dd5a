import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkConfig, loadConfig, parseConfig } from "../../src/config/load.ts";
import { formatOrigin } from "../../src/config/origin.ts";
import { formatProblem } from "../../src/config/problem.ts";
import { redact } from "../../src/config/redact.ts";

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "keepwarm-config-"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
beforeEach(() => rmSync(join(cwd, "keepwarm.yaml"), { force: true }));

function write(text: string, name = "keepwarm.yaml"): void {
  writeFileSync(join(cwd, name), text);
}

function problems(env: NodeJS.ProcessEnv = {}, flags = {}): string[] {
  return checkConfig({ cwd, env, flags }).problems.map(formatProblem);
}

describe("sources", () => {
  test("without any source there are only defaults", () => {
    const { config, origins, file } = loadConfig({ cwd, env: {} });
    expect(config.resp).toEqual({ host: "127.0.0.1", port: 6379 });
    expect(config.limits.valueBytes).toBe(512 * 1024 ** 2);
    expect(config.ram.size).toBeLessThanOrEqual(8 * 1024 ** 3);
    expect([...origins.values()].every((origin) => origin.from === "default")).toBe(true);
    expect(file).toBeUndefined();
  });

  test("flags win over the environment, that over the file, that over defaults", () => {
    write("ram:\n  size: 1GiB\n  maxBlocks: 7\n  policy: lru\n  graceMs: 5s\n");
    const { config, origins } = loadConfig({
      cwd,
      env: { KEEPWARM_RAM_SIZE: "2GiB", KEEPWARM_RAM_MAX_BLOCKS: "8" },
      flags: { ramSize: "3GiB" },
    });
    expect(config.ram).toEqual({
      size: 3 * 1024 ** 3,
      maxBlocks: 8,
      policy: "lru",
      graceMs: 5000,
    });
    const origin = (path: string) => formatOrigin(origins.get(path) ?? { from: "default" });
    expect(origin("ram.size")).toBe("flag --ram-size");
    expect(origin("ram.maxBlocks")).toBe("env KEEPWARM_RAM_MAX_BLOCKS");
    expect(origin("ram.policy")).toBe("keepwarm.yaml:4:11");
    expect(origin("resp.port")).toBe("default");
  });

  test("the file can be named by flag or environment; a flag wins", () => {
    write("resp: { port: 1 }\n", "a.yaml");
    write("resp: { port: 2 }\n", "b.yaml");
    const env = { KEEPWARM_CONFIG: "a.yaml" };
    expect(loadConfig({ cwd, env }).config.resp.port).toBe(1);
    expect(loadConfig({ cwd, env, flags: { config: "b.yaml" } }).config.resp.port).toBe(2);
    expect(() => loadConfig({ cwd, env: { KEEPWARM_CONFIG: "gone.yaml" } })).toThrow(/gone\.yaml/);
  });

  test("an empty file and an empty variable change nothing", () => {
    write("# nothing yet\n");
    const { config } = loadConfig({ cwd, env: { KEEPWARM_RESP_PORT: "" } });
    expect(config.resp.port).toBe(6379);
  });

  test("a port that a container platform invented is none of ours", () => {
    const env = { KEEPWARM_RESP_PORT: "tcp://10.0.0.7:6379", KEEPWARM_PORT: "tcp://10.0.0.7:6379" };
    const { config, warnings } = loadConfig({ cwd, env });
    expect(config.resp.port).toBe(6379);
    expect(warnings).toEqual([]);
  });

  test("the environment speaks in words and digits", () => {
    const env = { KEEPWARM_CLUSTER_ENABLED: "yes", KEEPWARM_LIMITS_IDLE_MS: "1m" };
    const { config } = loadConfig({ cwd, env });
    expect(config.cluster.enabled).toBe(true);
    expect(config.limits.idleMs).toBe(60_000);
  });

  test("files of tls are relative to the file that names them", () => {
    write("tls: { cert: c.pem, key: k.pem }\n");
    const { config } = loadConfig({ cwd, env: {}, flags: { tlsKey: "/abs/k.pem" } });
    expect(config.tls.cert).toBe(join(cwd, "c.pem"));
    expect(config.tls.key).toBe("/abs/k.pem");
  });

  test("a value in hand needs no file", () => {
    expect(parseConfig({ resp: { port: 0 }, ram: { size: "64MiB" } }).ram.size).toBe(
      64 * 1024 ** 2,
    );
    expect(() => parseConfig({ ram: { size: "much" } })).toThrow(/ram\.size: "much" is not a size/);
  });
});

describe("problems name the place, the setting and the way out", () => {
  test.each([
    [
      "a misspelt key",
      "ram:\n  polcy: lru\n",
      'keepwarm.yaml:2:3: ram.polcy: is not a setting. Did you mean "policy"?',
    ],
    [
      "dashes for capitals",
      "ram: { max-blocks: 3 }\n",
      'keepwarm.yaml:1:8: ram.max-blocks: is not a setting. Did you mean "maxBlocks"?',
    ],
    [
      "a key on the wrong level",
      "maxBlocks: 3\n",
      'keepwarm.yaml:1:1: maxBlocks: is not a setting. Did you mean "ram.maxBlocks"?',
    ],
    ["a key like nothing", "frobnicate: 3\n", "keepwarm.yaml:1:1: frobnicate: is not a setting"],
    ["a bad size", "ram:\n  size: 8Gx\n", 'keepwarm.yaml:2:9: ram.size: "8Gx" is not a size'],
    ["a negative size", "ram:\n  size: -1\n", "keepwarm.yaml:2:9: ram.size: -1 is not a size"],
    [
      "a bad port",
      "resp:\n  port: 70000\n",
      "keepwarm.yaml:2:9: resp.port: must be a whole number, 0 to 65535",
    ],
    [
      "a bad word",
      "log: { level: loud }\n",
      'keepwarm.yaml:1:15: log.level: must be one of "trace", "debug", "info", "warn", "error", "silent"',
    ],
    [
      "a section that is a value",
      "ram: 8GiB\n",
      "keepwarm.yaml:1:6: ram: must be a section with keys of its own",
    ],
    [
      "a user's misspelt key",
      "auth:\n  users:\n    - { name: a, password: b, kyes: [x] }\n",
      'keepwarm.yaml:3:31: auth.users.0.kyes: is not a setting. Did you mean "keys"?',
    ],
    [
      "a user without password",
      "auth:\n  users:\n    - name: a\n",
      'keepwarm.yaml:3:7: auth.users.0: user "a" needs one password. Set either password or passwordSha256.',
    ],
    [
      "a numeric password",
      "auth: { password: 123 }\n",
      "keepwarm.yaml:1:19: auth.password: must be a text (put it in quotes)",
    ],
    [
      "half of TLS",
      "tls:\n  cert: c.pem\n",
      "keepwarm.yaml:2:9: tls.cert: has no private key. Set tls.key as well.",
    ],
    [
      "no port",
      "lm: { port: 65536 }\n",
      'keepwarm.yaml:1:13: lm.port: must be a port, 0 to 65535, or "off"',
    ],
    [
      "an lm listener that others can reach",
      "lm: { host: 0.0.0.0, port: 65432 }\nauth: { password: secret }\n",
      "keepwarm.yaml:1:13: lm.host: refusing to listen on 0.0.0.0, where others can reach it: lm:// has no authentication. Listen on 127.0.0.1, or allow it with `protected: false` (--no-protected).",
    ],
    [
      "a remote store that is yet to come",
      "remote: [infinistore://a]\n",
      "keepwarm.yaml:1:10: remote.0: infinistore:// (InfiniStore) is not in this version yet. Use one of redis://, rediss://, redis-sentinel://, redis-cluster://, valkey://, valkeys://, unix://, lm://.",
    ],
    [
      "a remote store that nobody knows",
      "remote: [valkey://a, gopher://b]\n",
      "keepwarm.yaml:1:22: remote.1: gopher:// names no store that Keepwarm knows. Use one of redis://, rediss://, redis-sentinel://, redis-cluster://, valkey://, valkeys://, unix://, lm://.",
    ],
    ["a list at the top", "- 1\n", "keepwarm.yaml:1:1: must be a mapping of settings"],
  ])("%s", (_, text, expected) => {
    write(text);
    expect(problems()).toEqual([expected]);
  });

  test("broken YAML", () => {
    write("ram: [\n");
    expect(problems()[0]).toMatch(/^keepwarm\.yaml:\d+:\d+: /);
  });

  test("from the environment and from flags", () => {
    expect(problems({ KEEPWARM_RESP_PORT: "many" }, { policy: "lfu" })).toEqual([
      "env KEEPWARM_RESP_PORT: resp.port: must be a whole number, 0 to 65535",
      'flag --policy: ram.policy: must be one of "lru", "s3fifo"',
    ]);
  });

  test("all of them at once, as one error", () => {
    write("ram: { size: x }\nresp: { port: y }\n");
    expect(() => loadConfig({ cwd, env: {} })).toThrow(/resp\.port[^]*ram\.size/);
  });

  test("a variable that is nearly a setting is a warning, a platform's own is not", () => {
    const env = { KEEPWARM_RAM_SIZ: "1", KEEPWARM_SERVICE_HOST: "x", KEEPWARM_URL: "y" };
    expect(checkConfig({ cwd, env }).warnings).toEqual([
      "KEEPWARM_RAM_SIZ is not read; did you mean KEEPWARM_RAM_SIZE?",
    ]);
  });
});

describe("beyond loopback", () => {
  test.each(["0.0.0.0", "::", "192.0.2.1", "db.example"])("%s without auth is refused", (host) => {
    expect(problems({}, { respHost: host })).toEqual([
      expect.stringMatching(/^flag --resp-host: resp\.host: refusing .* without auth\. Set auth/),
    ]);
  });

  test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("%s is free", (host) => {
    expect(problems({}, { respHost: host })).toEqual([]);
  });

  test("named users close the door: without a password of its own, default gets nobody in", () => {
    write("auth: { users: [{ name: a, password: b }] }\n");
    expect(problems({}, { respHost: "0.0.0.0" })).toEqual([]);
    expect(checkConfig({ cwd, env: {} }).warnings).toEqual([]);
  });

  test("a password, client certificates or an explicit word allows it", () => {
    expect(problems({ KEEPWARM_AUTH_PASSWORD: "s" }, { respHost: "0.0.0.0" })).toEqual([]);
    const tls = { tlsCert: "c", tlsKey: "k", tlsCa: "a" };
    expect(problems({}, { respHost: "0.0.0.0", ...tls })).toEqual([]);
    expect(problems({}, { respHost: "0.0.0.0", ...tls, tlsClients: "optional" })).toHaveLength(1);
    expect(problems({}, { respHost: "0.0.0.0", protected: false })).toEqual([]);
  });
});

test("passwords are not shown", () => {
  const secret = "a1".repeat(32);
  const shown = JSON.stringify(
    redact(
      parseConfig({
        auth: {
          password: "hunter2",
          users: [
            { name: "a", password: "hunter3" },
            { name: "b", passwordSha256: secret },
          ],
        },
      }),
    ),
  );
  expect(shown).not.toMatch(/hunter|a1a1/);
  expect(shown).toContain("(set)");
});
