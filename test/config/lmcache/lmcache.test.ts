import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadLmcacheConfig } from "../../../src/config/lmcache/load.ts";

let cwd: string;
beforeAll(() => (cwd = mkdtempSync(join(tmpdir(), "keepwarm-lmcache-"))));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const GiB = 1024 ** 3;

function load(yaml: string, env: NodeJS.ProcessEnv = {}) {
  writeFileSync(join(cwd, "lmcache.yaml"), yaml);
  return loadLmcacheConfig({ cwd, env, file: "lmcache.yaml" });
}

function remoteOf(url: string, more = "", env: NodeJS.ProcessEnv = {}) {
  return load(`remote_url: "${url}"\n${more}`, env).remote;
}

test("memory, disk, policy, remote and naming become options of ours", () => {
  const config = load(
    `chunk_size: 512
local_cpu: true
max_local_cpu_size: 1.5
local_disk: "file:///mnt/nvme/kv/"
max_local_disk_size: 100
cache_policy: "LRU"
remote_url: "redis://user:secret@cache-1:6380/2"
remote_serde: "naive"
pre_caching_hash_algorithm: sha256_cbor_64bit
save_unfull_chunk: true
`,
    { PYTHONHASHSEED: "0" },
  );
  expect(config.ram).toEqual({ capacityBytes: 1.5 * GiB, policy: "lru" });
  expect(config.ssd).toEqual({ directory: "/mnt/nvme/kv", capacityBytes: 100 * GiB });
  expect(config.remote).toEqual({
    store: "valkey",
    options: {
      url: "redis://user:secret@cache-1:6380/2",
      format: { name: "lmcache-pair", generation: "redis" },
    },
  });
  expect(config.namespace).toEqual({
    chunkSize: 512,
    unfull: true,
    hash: "sha256_cbor",
    seed: "0",
  });
  expect(config.notes).toEqual([]);
});

test("without a file or variables there is nothing but LMCache's way to name blocks", () => {
  expect(loadLmcacheConfig({ env: {}, cwd })).toEqual({
    namespace: { chunkSize: 256, unfull: false, hash: "builtin" },
    warnings: [],
    notes: [],
  });
});

test("variables win over the file, as in LMCache", () => {
  writeFileSync(join(cwd, "named.yaml"), "max_local_cpu_size: 1\nchunk_size: 64\n");
  const env = {
    LMCACHE_CONFIG_FILE: "named.yaml",
    LMCACHE_MAX_LOCAL_CPU_SIZE: "2",
    LMCACHE_CACHE_POLICY: '"LRU"',
    LMCACHE_LOCAL_CPU: "True",
    LMCACHE_REMOTE_URL: "",
  };
  const config = loadLmcacheConfig({ env, cwd });
  expect(config.ram).toEqual({ capacityBytes: 2 * GiB, policy: "lru" });
  expect(config.namespace.chunkSize).toBe(64);
  expect(config.remote).toBeUndefined();
});

const pair = (generation: string) => ({ name: "lmcache-pair", generation });

describe("remote_url", () => {
  test.each<[url: string, more: string, remote: object]>([
    ["rediss://h:1", "", { url: "rediss://h:1", format: pair("redis") }],
    ["unix:///run/kv.sock", "", { url: "unix:///run/kv.sock", format: pair("redis") }],
    ["redis-cluster://a:1,b:2", "", { url: "redis-cluster://a:1,b:2", format: pair("redis") }],
    [
      "resp://h:1",
      'extra_config: {save_chunk_meta: false, username: u, password: "p", resp_num_threads: 8}',
      { url: "redis://h:1", format: "lmcache-raw", username: "u", password: "p", connections: 8 },
    ],
    ["valkey://h:1", "", { url: "valkey://h:1", format: pair("valkey") }],
    [
      "valkey-sync://h:1",
      `blocking_timeout_secs: 3
extra_config:
  save_chunk_meta: false
  valkey_username: u
  valkey_password: p
  valkey_database: 3
  tls_enable: true
  request_timeout: 7
  valkey_enable_ttl: true`,
      {
        url: "valkeys://h:1",
        format: "lmcache-raw",
        username: "u",
        password: "p",
        database: 3,
        deadlineMs: 7000,
        ttlMs: 86_400_000,
      },
    ],
    [
      "valkey://a:1,b:2",
      "extra_config: {valkey_mode: cluster}",
      { url: "valkey-cluster://a:1,b:2", format: pair("valkey-cluster") },
    ],
  ])("%s is a Valkey store", (url, more, options) => {
    expect(remoteOf(url, more)).toEqual({ store: "valkey", options });
  });

  test("redis-sentinel:// takes service and time from the environment, as LMCache does", () => {
    const env = { REDIS_SERVICE_NAME: "kv", REDIS_TIMEOUT: "2" };
    expect(remoteOf("redis-sentinel://a:1,b:2", "", env)).toMatchObject({
      store: "valkey",
      options: { service: "kv", deadlineMs: 2000, format: pair("redis") },
    });
  });

  test("lm:// is an lm store", () => {
    expect(remoteOf("lm://h:65432", "blocking_timeout_secs: 4")).toEqual({
      store: "lm",
      options: { url: "lm://h:65432", deadlineMs: 4000 },
    });
  });

  test.each([
    [
      "infinistore://h:1",
      /lmcache\.yaml:1:13: remote_url: infinistore:\/\/ has no store here: .*RDMA/,
    ],
    ["mooncakestore://h:1", /Mooncake's store/],
    ["fs://h:1/data", /local_disk is the disk/],
    ["s3://bucket", /no client of S3/],
    ["redsi://h:1", /Did you mean redis:\/\/\?/],
    ["h:6379", /is no URL/],
    ["lm://h/x", /no lm:\/\/ URL/],
    ["redis-cluster://a/3", /only database 0/],
  ])("%s is refused with the reason", (url, reason) => {
    expect(() => remoteOf(url)).toThrow(reason);
  });
});

describe("keys", () => {
  test("a known key without effect gets a note that says why", () => {
    const { notes, warnings } = load(
      "enable_p2p: true\ngds_path: /gds\nuse_layerwise: true\nlmcache_worker_port: 9\n",
    );
    expect(warnings).toEqual([]);
    expect(notes).toHaveLength(4);
    expect(notes[0]).toMatch(
      /^lmcache\.yaml:1:13: enable_p2p has no effect here: it is about memory/,
    );
    expect(notes[3]).toMatch(/lmcache_worker_ports has no effect here: .*controller/);
  });

  test("an unknown key gets a warning, with what was probably meant", () => {
    const { warnings } = load("max_local_cpu_szie: 5\nzzzzzzzz: 1\n", {
      LMCACHE_CHUNK_SIZ: "1",
      LMCACHE_LOG_LEVEL: "DEBUG",
      LMCACHE_ZZZZZZZZZZ: "1",
    });
    expect(warnings).toEqual([
      "lmcache.yaml:1:21: max_local_cpu_szie is no setting of LMCache that is known here; did you mean max_local_cpu_size?",
      "lmcache.yaml:2:11: zzzzzzzz is no setting of LMCache that is known here",
      "LMCACHE_CHUNK_SIZ is not read; did you mean LMCACHE_CHUNK_SIZE?",
    ]);
  });

  test.each([
    ["LFU", "s3fifo"],
    ["fifo", "s3fifo"],
    ["MRU", "lru"],
  ])("cache_policy %s is %s, and that is said", (policy, ours) => {
    const { ram, warnings } = load(`max_local_cpu_size: 1\ncache_policy: ${policy}\n`);
    expect(ram?.policy).toBe(ours);
    expect(warnings.join("\n")).toContain(`${ours} takes its place`);
  });

  test.each([
    ["chunk_size: many", /:1:13: chunk_size: must be a number/],
    ["chunk_size: 0", /must be a number of at least 1/],
    ["local_cpu: perhaps", /local_cpu: must be true or false/],
    ["cache_policy: LRUU", /did you mean LRU\?/],
    ["local_disk: /kv", /local_disk: has no size/],
    ["local_disk: 'a,b'\nmax_local_disk_size: 1", /no single directory/],
    ["remote_serde: cachgen", /Did you mean cachegen\?/],
    ["extra_config: '{'", /extra_config: must be a mapping/],
    ["remote_url: 7", /must be a text/],
    ["- list", /must be a mapping/],
    ["a: [", /lmcache\.yaml:/],
  ])("%s is refused", (yaml, reason) => {
    expect(() => load(yaml)).toThrow(reason);
  });

  test("all problems are told at once, without passwords", () => {
    expect(() => load("chunk_size: 0\nremote_url: redis://u:geheim@h:bad\n")).toThrow(
      expect.objectContaining({
        code: "CONFIG_INVALID",
        message: expect.not.stringContaining("geheim") as string,
      }),
    );
  });

  test("a file that is not there is named", () => {
    expect(() => loadLmcacheConfig({ cwd, env: {}, file: "gone.yaml" })).toThrow(/gone\.yaml/);
  });
});
