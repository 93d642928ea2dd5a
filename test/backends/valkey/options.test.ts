import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { valkeyOptionsFromEnvironment } from "../../../src/backends/valkey/environment.ts";
import { resolveStoreOptions } from "../../../src/backends/valkey/store-options.ts";
import { parseStoreUrl } from "../../../src/backends/valkey/store-url.ts";

test.each([
  ["redis://h", { arrangement: "single", endpoints: [{ host: "h", port: 6379 }], tls: false }],
  ["valkeys://u:p%40@h:7/2", { tls: true, username: "u", password: "p@", database: 2 }],
  ["unix:///run/kw.sock?db=3", { path: "/run/kw.sock", database: 3, endpoints: [] }],
  [
    "redis-sentinel://:pw@h1:1,h2,[::1]:3/main",
    {
      arrangement: "sentinel",
      endpoints: [
        { host: "h1", port: 1 },
        { host: "h2", port: 26379 },
        { host: "::1", port: 3 },
      ],
      password: "pw",
      service: "main",
      label: "redis-sentinel://h1:1,h2:26379,[::1]:3/main",
    },
  ],
  ["valkeys-cluster://h1,h2:7000", { arrangement: "cluster", tls: true, service: undefined }],
])("%s", (text, expected) => expect(parseStoreUrl(text)).toMatchObject(expected));

test.each([
  ["http://h", /not a URL/],
  ["redis-cluster://", /names no server/],
  ["redis-cluster://h/3", /only database 0/],
  ["redis-sentinel://h:99999/x", /no host and port/],
  ["redis-sentinel://u:%zz@h/x", /percent/],
])("%s is refused", (text, message) => expect(() => parseStoreUrl(text)).toThrow(message));

test("a refusal does not repeat the password", () => {
  expect(() => parseStoreUrl("redis-cluster://u:secret@h/3")).toThrow(/^(?!.*secret)/);
});

test("the query of a URL holds options, and those given beside it go before", () => {
  const url =
    "redis://h/?db=2&prefix=kw:&ttl=1h&connections=3&depth=5&deadline=2s&connect-deadline=300ms&queue-size=1MiB&servername=cache&insecure=true&read-ttl=no" +
    "&username=u&password=p&sentinel-username=su&sentinel-password=sp&queue-calls=9&recycle-size=2MiB";
  expect(resolveStoreOptions({ url, connections: 7, prefix: undefined })).toMatchObject({
    database: 2,
    prefix: "kw:",
    ttlMs: 3_600_000,
    readTtl: false,
    connections: 7,
    pipelineDepth: 5,
    deadlineMs: 2000,
    connectDeadlineMs: 300,
    queueBytes: 1024 ** 2,
    queueCalls: 9,
    recycleBytes: 2 * 1024 ** 2,
    username: "u",
    password: "p",
    sentinelUsername: "su",
    sentinelPassword: "sp",
    tls: { servername: "cache", rejectUnauthorized: false },
  });
});

test.each([
  ["format=raw", "raw"],
  ["format=lmcache-pair&generation=valkey", { name: "lmcache-pair", generation: "valkey" }],
  [
    "format=hicache&model=m&rank=1&world-size=2&mla=true",
    { name: "hicache", model: "m", rank: 1, worldSize: 2, mla: true },
  ],
])("the query names a format: %s", (query, format) => {
  expect(resolveStoreOptions({ url: `redis://h?${query}` }).format).toEqual(format);
});

test.each([
  ["conections=3", /"conections" is no option/],
  ["connections=many", /connections is "many"/],
  ["connections=1000", /connections of the Valkey store is 1000/],
  ["ttl=soon", /"soon" is not a duration/],
  ["format=protobuf", /no format/],
  ["format=lmcache-pair&generation=v9", /no generation/],
  ["model=m", /belongs to a format/],
  ["insecure=maybe", /neither true nor false/],
  ["ca=/nowhere/ca.pem", /\/nowhere\/ca.pem cannot be read/],
  ["toString=1", /no option/],
])("%s is refused", (query, message) => {
  expect(() => resolveStoreOptions({ url: `redis://h?${query}` })).toThrow(message);
});

test("numbers are checked", () => {
  expect(() => resolveStoreOptions({ deadlineMs: 0 })).toThrow(/deadlineMs/);
  expect(() => resolveStoreOptions({ ttlMs: 0 })).toThrow(/ttlMs/);
  expect(() => resolveStoreOptions({ url: "redis-cluster://h", database: 1 })).toThrow(/database/);
});

test("certificates are read from the files that a query names", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keepwarm-options-"));
  try {
    for (const name of ["ca", "cert", "key"]) await writeFile(join(folder, name), name);
    const query = `ssl_ca_certs=${folder}/ca&cert=${folder}/cert&key=${folder}/key&ssl_cert_reqs=none`;
    expect(resolveStoreOptions({ url: `rediss://h?${query}` }).tls).toEqual({
      ca: "ca",
      cert: "cert",
      key: "key",
      rejectUnauthorized: false,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the environment names a server", () => {
  const env = { VALKEY_HOST: "v", REDIS_HOST: "r", REDIS_PORT: "7", VALKEY_DB: "3" };
  expect(valkeyOptionsFromEnvironment({}, env)).toMatchObject({ url: "redis://v:7/3" });
  expect(valkeyOptionsFromEnvironment({}, {})).toMatchObject({ url: "redis://127.0.0.1:6379/0" });
});

test("the environment fills in what a URL leaves out", () => {
  const env = {
    VALKEY_HOST: "elsewhere",
    VALKEY_PASSWORD: "pw",
    REDIS_SERVICE_NAME: "main",
    REDIS_TIMEOUT: "1.5",
  };
  const filled = valkeyOptionsFromEnvironment({ url: "redis-sentinel://h" }, env);
  expect(resolveStoreOptions(filled)).toMatchObject({
    url: { endpoints: [{ host: "h", port: 26379 }] },
    password: "pw",
    service: "main",
    deadlineMs: 1500,
  });
  const given = valkeyOptionsFromEnvironment(
    { url: "redis-sentinel://:own@h/other?deadline=1s" },
    env,
  );
  expect(resolveStoreOptions(given)).toMatchObject({
    password: "own",
    service: "other",
    deadlineMs: 1000,
  });
  expect(() => valkeyOptionsFromEnvironment({}, { REDIS_TIMEOUT: "soon" })).toThrow(
    /REDIS_TIMEOUT/,
  );
});
