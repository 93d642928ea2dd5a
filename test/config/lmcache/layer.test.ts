import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { checkConfig, loadConfig } from "../../../src/config/load.ts";
import { formatOrigin } from "../../../src/config/origin.ts";
import { formatProblem } from "../../../src/config/problem.ts";

let cwd: string;
beforeAll(() => (cwd = mkdtempSync(join(tmpdir(), "keepwarm-layer-"))));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
beforeEach(() => rmSync(join(cwd, "keepwarm.yaml"), { force: true }));

const GiB = 1024 ** 3;
const local = `max_local_cpu_size: 2
local_disk: file:///mnt/kv
max_local_disk_size: 3
cache_policy: LFU
chunk_size: 256
`;

function write(yaml: string, name = "lmcache.yaml"): void {
  writeFileSync(join(cwd, name), yaml);
}

const flags = { lmcacheConfig: "lmcache.yaml" };

test("a server takes memory, disk and policy from LMCache's file, and tells where from", () => {
  write(local);
  const { config, origins, notes, lmcacheFile } = loadConfig({ cwd, env: {}, flags });
  expect(config.ram).toMatchObject({ size: 2 * GiB, policy: "s3fifo" });
  expect(config.ssd).toMatchObject({ dir: "/mnt/kv", size: 3 * GiB });
  const origin = (path: string) => formatOrigin(origins.get(path)!);
  expect(origin("ram.size")).toBe("lmcache.yaml:1:21");
  expect(origin("ssd.dir")).toBe("lmcache.yaml:2:13");
  expect(origin("ram.policy")).toBe("lmcache.yaml:4:15");
  expect(lmcacheFile).toBe("lmcache.yaml");
  expect(notes).toEqual([expect.stringContaining("lmcache.yaml:5:13: chunk_size has no effect")]);
});

test("our own file, environment and flags win over it", () => {
  write(local);
  write("ram:\n  policy: lru\nssd:\n  dir: here\n", "keepwarm.yaml");
  const env = { KEEPWARM_SSD_SIZE: "9GiB" };
  const { config, origins } = loadConfig({ cwd, env, flags: { ...flags, ramSize: "1GiB" } });
  expect(config.ram).toMatchObject({ size: GiB, policy: "lru" });
  expect(config.ssd).toMatchObject({ dir: join(cwd, "here"), size: 9 * GiB });
  expect(formatOrigin(origins.get("ram.policy")!)).toBe("keepwarm.yaml:2:11");
});

test("nothing of LMCache is looked at unless it is asked for", () => {
  write("max_local_cpu_size: nonsense\n");
  const env = { LMCACHE_MAX_LOCAL_CPU_SIZE: "1", LMCACHE_CONFIG_FILE: "lmcache.yaml" };
  const before = loadConfig({ cwd, env: {} }).config.ram.size;
  for (const more of [{}, { KEEPWARM_LMCACHE: "0" }, { KEEPWARM_LMCACHE: "" }]) {
    const { config, warnings } = loadConfig({ cwd, env: { ...env, ...more } });
    expect([config.ram.size, warnings]).toEqual([before, []]);
  }
});

test("KEEPWARM_LMCACHE=1 reads LMCache's variables and the file they name", () => {
  write("max_local_cpu_size: 1\ncache_policy: LRU\n");
  const env = {
    KEEPWARM_LMCACHE: "1",
    LMCACHE_MAX_LOCAL_CPU_SIZE: "4",
    LMCACHE_CONFIG_FILE: "lmcache.yaml",
  };
  const { config, origins } = loadConfig({ cwd, env });
  expect(config.ram.size).toBe(4 * GiB);
  expect(formatOrigin(origins.get("ram.size")!)).toBe("env LMCACHE_MAX_LOCAL_CPU_SIZE");
  expect(formatOrigin(origins.get("ram.policy")!)).toBe("lmcache.yaml:2:15");
  const { problems } = checkConfig({ cwd, env: { KEEPWARM_LMCACHE: "perhaps" } });
  expect(problems.map(formatProblem)).toEqual([
    expect.stringMatching(/^env KEEPWARM_LMCACHE: must be 1 or 0\. /),
  ]);
});

test.each([
  ["redis://127.0.0.1:6379", {}],
  ["redis://localhost:7000/0", { respPort: "7000" }],
  ["valkey://127.0.0.1:6379", {}],
  ["lm://127.0.0.1:65432", { lmPort: "65432" }],
  ["redis://10.1.2.3:6379", { respHost: "10.1.2.3", protected: false }],
  [`redis://${hostname()}:6379`, { respHost: "0.0.0.0", protected: false }],
])("a remote_url that is this server itself, %s, is no tier behind it", (url, more) => {
  write(`remote_url: ${url}\n`);
  const { notes } = loadConfig({ cwd, env: {}, flags: { ...flags, ...more } });
  expect(notes).toEqual([expect.stringMatching(/remote_url .* is this server itself$/)]);
});

test.each<[url: string, more: string, remote: string]>([
  ["redis://u:p@cache-1:6379/2", "", "redis://u:p@cache-1:6379/2"],
  ["redis://127.0.0.1:6380", "blocking_timeout_secs: 3", "redis://127.0.0.1:6380?deadline=3000ms"],
  [
    "resp://cache-1:6379",
    "extra_config: {username: u, password: 'a/b', resp_num_threads: 8}",
    "redis://u:a%2Fb@cache-1:6379?connections=8",
  ],
  [
    "valkey://a:1,b:2",
    "extra_config: {valkey_mode: cluster, valkey_enable_ttl: true, valkey_ttl_sec: 60}",
    "valkey-cluster://a:1,b:2?ttl=60000ms",
  ],
  ["redis-sentinel://a:1,b:2", "", "redis-sentinel://a:1,b:2?service=kv"],
  ["lm://127.0.0.1:65432", "", "lm://127.0.0.1:65432"],
])("the remote_url %s is a tier behind the server", (url, more, remote) => {
  write(`remote_url: ${url}\n${more}\n`);
  const env = url.includes("sentinel") ? { REDIS_SERVICE_NAME: "kv" } : {};
  const { config, origins, notes } = loadConfig({ cwd, env, flags });
  expect(config.remote).toEqual([remote]);
  expect(formatOrigin(origins.get("remote")!)).toBe("lmcache.yaml:1:13");
  expect(notes).toEqual([]);
});

test("remote_serde cachegen encodes what goes to remote_url, unless codecs are set", () => {
  write("remote_url: redis://cache-1:6379\nremote_serde: cachegen\n");
  const { config, origins, warnings } = loadConfig({ cwd, env: {}, flags });
  expect(config.codecs).toEqual([{ codec: "cachegen", remote: true }]);
  expect(formatOrigin(origins.get("codecs")!)).toBe("lmcache.yaml:2:15");
  expect(warnings).toEqual([expect.stringMatching(/remote_serde cachegen: .* for Keepwarm alone/)]);
  writeFileSync(join(cwd, "keepwarm.yaml"), "codecs: []\n");
  expect(loadConfig({ cwd, env: {}, flags }).config.codecs).toEqual([]);
  write("remote_url: redis://127.0.0.1:6379\nremote_serde: cachegen\n");
  rmSync(join(cwd, "keepwarm.yaml"));
  expect(loadConfig({ cwd, env: {}, flags }).config.codecs).toEqual([]);
});

test("our own setting `remote` takes the place of remote_url", () => {
  write("remote_url: redis://cache-1:6379\n");
  const more = { remote: ["valkey://cache-2:6379"] };
  const { config, notes } = loadConfig({ cwd, env: {}, flags: { ...flags, ...more } });
  expect(config.remote).toEqual(more.remote);
  expect(notes).toEqual([expect.stringContaining("gives way to the setting remote")]);
});

test("a remote_url without a store of ours is refused with the reason", () => {
  write("remote_url: mooncakestore://h:1\n");
  const { problems } = checkConfig({ cwd, env: {}, flags });
  expect(problems.map(formatProblem)).toEqual([
    expect.stringMatching(/^lmcache\.yaml:1:13: remote_url: mooncakestore:\/\/ has no store here/),
  ]);
});
