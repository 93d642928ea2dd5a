import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { parseConfig } from "../../src/config/load.ts";
import { startServer } from "../../src/config/server.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { freePort } from "../../src/testing/servers/free-port.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import { withConnection } from "../../src/testing/servers/with-connection.ts";
import { DepartureLog } from "../../src/tiers/departure-log.ts";
import { FakeLowerTier } from "../support/fake-lower-tier.ts";
import { startFront } from "../support/front.ts";

let cwd: string;
beforeAll(() => (cwd = mkdtempSync(join(tmpdir(), "keepwarm-explain-"))));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

interface World {
  readonly tty?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

async function cli(args: readonly string[], { tty = false, env = {} }: World = {}) {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    write: (data: string | Uint8Array) => (written[name] += Buffer.from(data).toString()),
    isTTY: tty,
  });
  const code = await runCli(args, {
    stdout: sink("out"),
    stderr: sink("err"),
    stdin: (async function* () {})(),
    env: { NO_COLOR: "1", ...env },
    cwd,
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

const tokens = Array.from({ length: 16 }, (_, index) => index + 1);
const prompt = ["--tokens", tokens.join(",")];
const small = ["--chunk-size", "4"];
const lmcache = ["--family", "lmcache", "--model", "org/m", "--dtype", "half", ...small, ...prompt];

/** Keys that `keepwarm keys` makes. */
async function keysOf(...flags: string[]): Promise<string[]> {
  const { code, out, err } = await cli(["keys", ...flags]);
  expect([code, err]).toEqual([0, ""]);
  return out
    .trim()
    .split("\n")
    .map((line) => line.split("\t")[2]);
}

async function start(tier = {}) {
  const clock = new FakeClock(Date.now());
  const front = await startFront({}, { clock, graceMs: 0, ...tier });
  front.ram.departures = new DepartureLog({ clock });
  const client = await front.client();
  const url = `redis://127.0.0.1:${front.server.state.port}`;
  const store = async (keys: readonly string[]): Promise<void> => {
    for (const key of keys) await client.ask("SET", key, "value");
  };
  const explain = async (...args: string[]) => {
    const { code, out, err } = await cli(["explain", "--url", url, "--json", ...args]);
    expect(err).not.toMatch(/error/);
    return { code, ...(JSON.parse(out) as Record<string, unknown>) };
  };
  return { clock, front, client, url, store, explain };
}

const halves = (key: string): string[] => [`${key}kv_bytes`, `${key}metadata`];

describe("a chain that is there", () => {
  test.each<[form: string, of: (key: string) => string[]]>([
    ["one key", (key) => [key]],
    ["redis:// pairs", halves],
    ["valkey:// pairs", (key) => [`${key}:kv_bytes`, `${key}:metadata`]],
    ["pairs of a cluster", (key) => [`{${key}}:kv_bytes`, `{${key}}:metadata`]],
  ])("as %s is found", async (_, of) => {
    const { store, explain } = await start();
    const keys = await keysOf(...lmcache);
    expect(keys).toHaveLength(4);
    await store(keys.flatMap(of));
    const found = { code: 0, reason: "found", total: 4, found: 4 };
    expect(await explain(...lmcache)).toMatchObject(found);
    expect(await explain(...keys)).toMatchObject(found);
  });

  test.each([
    [["--family", "lmcache-mp", "--model", "m", ...small]],
    [["--family", "hicache", "--model", "m", "--page-size", "4"]],
    [["--family", "native", "--model", "m", "--dtype", "float", ...small]],
  ])("%j is found", async (flags) => {
    const { store, explain } = await start();
    await store(await keysOf(...flags, ...prompt));
    expect(await explain(...flags, ...prompt)).toMatchObject({ code: 0, found: 4 });
  });

  test("says in which tier its chunks are", async () => {
    const front = await startFront(
      {},
      { maxBlocks: 2, graceMs: 0 },
      { lower: new FakeLowerTier() },
    );
    const client = await front.client();
    const keys = await keysOf(...lmcache);
    for (const key of keys) await client.ask("SET", key, "v");
    const url = `redis://127.0.0.1:${front.server.state.port}`;
    const { code, out } = await cli(["explain", "--url", url, ...lmcache], { tty: true });
    expect(code).toBe(0);
    expect(out).toMatch(/^All 4 chunks are there\.\n/);
    expect(out).toMatch(/^1-2 +0-7 +found +fake +org\/m@/m);
    expect(out).toMatch(/^3-4 +8-15 +found +ram, fake +org\/m@/m);
  });
});

describe("a chunk that left", () => {
  test("for want of room", async () => {
    const { clock, store, explain, url } = await start({ maxBlocks: 4 });
    const keys = await keysOf(...lmcache);
    await store([keys[1], keys[0], keys[2], keys[3]]);
    clock.advance(60_000);
    await store(["another"]);
    expect(await explain(...lmcache)).toMatchObject({
      code: 2,
      reason: "evicted",
      diverges: 1,
      found: 3,
      chunks: [
        { state: "found" },
        { state: "missing", fate: { tier: "ram", idleMs: 60_000 } },
        {},
        {},
      ],
    });
    const { out } = await cli(["explain", "--url", url, ...lmcache]);
    expect(out).toMatch(
      /^Chunk 2 of 4 \(tokens 4 to 7\) is the first that is missing: it was evicted from ram .* ago, after 1 min without use; 2 behind it are there, of no use without it\.\nGive the tier more room/,
    );
  });

  test.each<[reason: string, command: string[], words: RegExp]>([
    ["removed", ["DEL"], /was deleted .* ago/],
    ["expired", ["PEXPIRE"], /expired .* ago/],
  ])("because it was %s", async (reason, [command], words) => {
    const { clock, client, store, explain } = await start();
    const keys = await keysOf(...lmcache);
    await store(keys);
    await client.ask(command, keys[0], ...(command === "PEXPIRE" ? [5] : []));
    clock.advance(10);
    expect(await explain(...lmcache)).toMatchObject({
      code: 2,
      reason,
      diverges: 0,
      sentence: expect.stringMatching(words),
    });
  });

  test("with all others", async () => {
    const { client, store, explain } = await start();
    await store(await keysOf(...lmcache));
    await client.ask("FLUSHDB");
    expect(await explain(...lmcache)).toMatchObject({ code: 2, reason: "cleared", diverges: 0 });
  });

  test("only half", async () => {
    const { client, front, store, explain } = await start();
    const keys = await keysOf(...lmcache);
    await store(keys.flatMap(halves));
    await client.ask("DEL", `${keys[2]}metadata`);
    await client.ask("SET", `${keys[2]}metadata`, "again");
    expect(front.ram.entries.count).toBe(7);
    expect(await explain(...lmcache)).toMatchObject({
      code: 2,
      reason: "half",
      diverges: 2,
      chunks: [
        {},
        {},
        { state: "half", missing: `${keys[2]}kv_bytes`, fate: { reason: "removed" } },
        {},
      ],
      sentence: expect.stringContaining("is stored only half"),
    });
  });
});

describe("a chunk under another name", () => {
  const others: [what: string, stored: string[], words: string][] = [
    ["seed", ["--seed", "0"], "PYTHONHASHSEED 0 instead of none"],
    ["hash", ["--hash", "sha256_cbor", "--seed", "0"], "hash algorithm sha256_cbor instead of"],
    ["release", ["--release", "0.3"], "hashes of LMCache 0.3 instead of 0.4.6"],
  ];
  test.each(others)("by another %s is found", async (_, stored, words) => {
    const { store, explain } = await start();
    await store((await keysOf(...lmcache, ...stored)).flatMap(halves));
    const told = await explain(...lmcache);
    expect(told).toMatchObject({ code: 2, reason: "other-hash", diverges: 0 });
    expect(told).toHaveProperty("sentence", expect.stringContaining(words));
    expect(told).toHaveProperty("others.0.flags", expect.stringContaining(stored[0]));
    expect(told).toHaveProperty("others.0.keys", 2);
  });

  test("by a seed that nobody would guess is found when it is named", async () => {
    const { store, explain } = await start();
    await store(await keysOf(...lmcache, "--seed", "31337"));
    expect(await explain(...lmcache)).toMatchObject({ reason: "never-stored" });
    expect(await explain(...lmcache, "--try-seed", "7,31337")).toMatchObject({
      reason: "other-hash",
      sentence: expect.stringContaining("PYTHONHASHSEED 31337 instead of none"),
    });
  });

  test("by another chunk size is found, for all families", async () => {
    const long = ["--tokens", Array.from({ length: 64 }, (_, n) => n).join(",")];
    for (const [family, flag] of [
      ["lmcache", "--chunk-size"],
      ["lmcache-mp", "--chunk-size"],
      ["hicache", "--page-size"],
      ["native", "--chunk-size"],
    ]) {
      const { store, explain } = await start();
      const dtype = family === "lmcache" || family === "native" ? ["--dtype", "half"] : [];
      const flags = ["--family", family, "--model", "m", ...dtype, ...long];
      await store(await keysOf(...flags, flag, "16"));
      expect(await explain(...flags, flag, "64")).toMatchObject({
        reason: "other-hash",
        sentence: expect.stringContaining("size 16 instead of 64"),
      });
    }
  });

  test("of LMCache's server instead of its in-process mode is found", async () => {
    const { store, explain } = await start();
    const mp = ["--family", "lmcache-mp", "--model", "org/m", ...prompt, "--chunk-size", "16"];
    await store(await keysOf(...mp));
    expect(await explain(...lmcache, "--chunk-size", "16")).toMatchObject({
      reason: "other-hash",
      others: [{ family: "lmcache-mp", keys: 1 }],
    });
  });

  const names: [what: string, change: string[], words: string][] = [
    ["model", ["--model", "org/other"], "model org/other instead of org/m"],
    ["dtype", ["--dtype", "bfloat16"], "dtype bfloat16 instead of half"],
    [
      "rank",
      ["--world-size", "2", "--worker-id", "1"],
      "world size 2 instead of 1, rank 1 instead",
    ],
  ];
  test.each(names)("by %s is found, also from keys", async (_, change, words) => {
    const { store, explain } = await start();
    const asked = await keysOf(...lmcache);
    await store(await keysOf(...lmcache, ...change));
    for (const args of [lmcache, asked])
      expect(await explain(...args)).toMatchObject({
        code: 2,
        reason: "other-name",
        sentence: expect.stringContaining(words),
      });
  });

  test("by salt is found", async () => {
    const { store, explain } = await start();
    const mp = ["--family", "lmcache-mp", "--model", "m", ...small, ...prompt];
    await store(await keysOf(...mp, "--cache-salt", "tenant"));
    expect(await explain(...mp)).toMatchObject({
      reason: "other-name",
      sentence: expect.stringContaining("cache salt tenant instead of none"),
    });
  });

  test("after a prefix that is there: the rest came from another process", async () => {
    const { store, explain } = await start();
    const [mine, theirs] = [await keysOf(...lmcache), await keysOf(...lmcache, "--seed", "42")];
    await store([mine[0], mine[1], theirs[2], theirs[3]]);
    expect(await explain(...lmcache)).toMatchObject({
      reason: "other-hash",
      diverges: 2,
      sentence: expect.stringContaining("PYTHONHASHSEED 42"),
    });
  });
});

describe("a chain that was never stored", () => {
  test("is told so, with what else is there", async () => {
    const { clock, store, url, explain } = await start();
    clock.advance(3_600_000);
    expect((await cli(["explain", "--url", url, ...lmcache])).err).toContain("nothing is stored");
    await store(["other/model@1@0@abc@half"]);
    const { code, out, err } = await cli(["explain", "--url", url, ...lmcache]);
    expect(code).toBe(2);
    expect(out).toMatch(
      /^Chunk 1 of 4 \(tokens 0 to 3\) is .* it was never stored, or left more than/,
    );
    expect(err).toContain("no block of org/m is stored, but of other/model");
    expect(await explain(...lmcache, "--scan-limit", "0")).not.toHaveProperty("scanned");
  });

  test("of too few tokens is an error, and so is what does not go together", async () => {
    const { url } = await start();
    const failed = async (...args: string[]) => {
      const { code, err } = await cli(["explain", "--url", url, ...args]);
      return [code, err.split("\n")[0]];
    };
    expect(await failed(...lmcache, "--chunk-size", "64")).toEqual([
      65,
      expect.stringContaining("16 tokens fill no chunk"),
    ]);
    expect(await failed("a", "--model", "m")).toEqual([65, expect.stringContaining("go together")]);
    expect(await failed("--family", "lmcache")).toEqual([65, expect.stringContaining("--tokens")]);
    expect(await failed(...lmcache, "--mla")).toEqual([
      65,
      expect.stringContaining("--mla is not"),
    ]);
  });

  test("tokens may come from a file", async () => {
    const { store, explain } = await start();
    writeFileSync(join(cwd, "prompt.json"), JSON.stringify(tokens));
    const flags = [...lmcache.slice(0, -2), "--tokens", "@prompt.json"];
    await store(await keysOf(...flags));
    expect(await explain(...flags)).toMatchObject({ code: 0 });
  });
});

describe("lookup", () => {
  test("tells how much of a prompt is there, and where", async () => {
    const front = await startFront(
      {},
      { maxBlocks: 2, graceMs: 0 },
      { lower: new FakeLowerTier() },
    );
    const client = await front.client();
    const url = `redis://127.0.0.1:${front.server.state.port}`;
    const lookup = (...more: string[]) =>
      cli(["lookup", "--url", url, ...lmcache, ...more], { tty: true });
    expect(await lookup()).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^0 of 16 tokens, 0 of 4 chunks\n/),
      err: expect.stringContaining("keepwarm explain"),
    });
    const keys = await keysOf(...lmcache);
    for (const key of [keys[3], keys[0], keys[1]]) await client.ask("SET", key, "v");
    const { code, out } = await lookup();
    expect(code).toBe(2);
    expect(out).toMatch(/^8 of 16 tokens, 2 of 4 chunks: 2 in ram\n/);
    expect(out).toMatch(/^3 +8-11 +missing +org\/m@/m);
    expect(out).toMatch(/^4 +12-15 +fake +org\/m@/m);
    await client.ask("SET", keys[2], "v");
    const all = await lookup("--json");
    expect(all.code).toBe(0);
    expect(JSON.parse(all.out)).toMatchObject({
      chunks: 4,
      hitChunks: 4,
      tokens: 16,
      hitTokens: 16,
      tiers: { ram: 2, fake: 2 },
      keys,
    });
    const named = await cli(["lookup", "--url", url, ...keys, "more"], { tty: true });
    expect([named.code, named.out.split("\n")[0]]).toEqual([
      2,
      "4 of 5 chunks: 2 in fake, 2 in ram",
    ]);
  });
});

test("stores on other machines are asked as well, and named when they do not answer", async () => {
  const redis = await startRedisServer();
  onTestFinished(async () => void (await redis.stop()));
  const dead = `redis://127.0.0.1:${await freePort()}`;
  const server = await startServer(
    parseConfig({ resp: { port: 0 }, ram: { size: "16MiB" }, remote: [redis.url, dead] }),
  );
  onTestFinished(() => server.close());
  const url = ["--url", server.listeners.resp];
  const keys = await keysOf(...lmcache);
  await withConnection(redis.url, async (connection) => {
    for (const key of keys.slice(0, 3)) await connection.set(key, [Buffer.from("v")]);
  });
  const lookup = await cli(["lookup", ...url, "--json", ...lmcache]);
  expect(lookup).toMatchObject({ code: 2, err: expect.stringContaining(`answer (${dead}`) });
  expect(JSON.parse(lookup.out)).toMatchObject({ hitChunks: 3, tiers: { valkey: 3 } });
  const explained = await cli(["explain", ...url, "--json", ...lmcache]);
  expect(explained).toMatchObject({ code: 2, err: expect.stringContaining("counts as missing") });
  expect(JSON.parse(explained.out)).toMatchObject({ reason: "never-stored", diverges: 3 });
});

test("ls shows only what is asked for", async () => {
  const { clock, client, url, store } = await start();
  await store(["a/b@1@0@1a@half", "a/b@1@0@1b@half"]);
  clock.advance(60_000);
  await client.ask("SET", "c/d@1@0@1a@half", "v");
  await client.ask("SET", "other", "v");
  const ls = async (...flags: string[]) => {
    const { code, out } = await cli(["ls", "--url", url, "--keys", "--sort", "key", ...flags]);
    return code === 0
      ? out
          .split("\n")
          .map((line) => line.split("\t")[0])
          .filter(Boolean)
      : code;
  };
  expect(await ls("--model", "a/b")).toEqual(["a/b@1@0@1a@half", "a/b@1@0@1b@half"]);
  expect(await ls("--family", "unknown")).toEqual(["other"]);
  expect(await ls("--idle", "30s", "--match", "*1b*")).toEqual(["a/b@1@0@1b@half"]);
  expect(await ls("--tier", "ssd")).toEqual([]);
  expect(await ls("--family", "lmcach")).toBe(65);
  const { out } = await cli(["ls", "--url", url, "--model", "c/d", "--json"]);
  expect(JSON.parse(out)).toMatchObject({ blocks: 1, groups: [{ model: "c/d" }] });
});
