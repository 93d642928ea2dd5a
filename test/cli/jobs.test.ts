import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { parseLine } from "../../src/cli/server/monitor.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import { kvBlock, kvMetadata, startCodedFront } from "../support/coded-front.ts";
import { startFront } from "../support/front.ts";

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function cli(url: string, args: readonly string[], signal?: AbortSignal): Promise<Run> {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    write: (data: string | Uint8Array) => (written[name] += Buffer.from(data).toString()),
  });
  const code = await runCli(args[0] === "keys" ? args : [...args, "--url", url], {
    stdout: sink("out"),
    stderr: sink("err"),
    stdin: (async function* () {})(),
    env: {},
    cwd: tmpdir(),
    signal: signal ?? new AbortController().signal,
  });
  return { code, ...written };
}

const name = (hash: number): string => `org/m@1@0@${hash}@bfloat16`;

async function start() {
  const front = await startCodedFront({
    rules: [{ model: "org/m", codec: "zstd-planes", remote: false }],
  });
  const url = `redis://127.0.0.1:${front.server.state.port}`;
  const run = (...args: string[]): Promise<Run> => cli(url, args);
  const json = async (...args: string[]) => {
    const { out, ...rest } = await run(...args, "--json");
    return { ...rest, ...(JSON.parse(out) as Record<string, unknown>) };
  };
  for (let index = 0; index < 3; index++) {
    await front.client.ask("SET", `${name(index)}kv_bytes`, kvBlock(64, index));
    await front.client.ask("SET", `${name(index)}metadata`, kvMetadata(64));
  }
  return { ...front, url, run, json };
}

test("compress and decompress move what is chosen, and say how much", async () => {
  const { client, coded, run, json } = await start();
  await client.ask("SET", "other", kvBlock(64));
  expect(await run("compress", "--model", "org/m", "--dry-run")).toMatchObject({
    code: 0,
    err: "would compress 3 blocks, 192 KiB; 3 blocks left as is (3 nothing to do)\n",
  });
  expect(await run("compress", "--match", "*")).toMatchObject({
    code: 0,
    err: expect.stringMatching(/^compressed 3 blocks, 192 KiB to 1\d\d\.?\d* KiB; 4 blocks left/),
  });
  expect(coded.stats().blocks).toBe(6);
  expect((await run("ls")).out).toMatch(/^lmcache\torg\/m\t0\/1\tbfloat16\t6\t/);
  expect(await json("ls", "--keys", "--tier", "coded")).toMatchObject({ blocks: 6 });
  expect((await run("describe")).out).toMatch(/tier\tcoded\n[^]*encoded\t3 blocks, .* ratio 1\.\d/);
  expect((await run("stat", "-c", "1", "-i", "10ms")).out).toMatch(/\t1\.\d\d\n$/);
  expect(await json("decompress", "--prefix", name(1))).toMatchObject({
    code: 0,
    kind: "decompress",
    state: "done",
    done: 1,
    bytesAfter: 65_536,
  });
  expect(await client.ask("KW.WHERE", `${name(1)}kv_bytes`)).toEqual([["ram"]]);
  const lossy = await json("compress", "--codec", "cachegen", "--bins", "64", `${name(1)}kv_bytes`);
  expect(lossy).toMatchObject({ code: 0, done: 1 });
});

test("verbs take the tokens of a prompt instead of keys", async () => {
  const { client, run, json } = await start();
  const prompt = ["--family", "lmcache", "--model", "org/p", "--dtype", "bfloat16"];
  prompt.push("--chunk-size", "4", "--tokens", "1,2,3,4,5,6,7,8,9,10,11,12");
  const { out } = await run("keys", ...prompt);
  const [first, second] = out.split("\n").map((line) => line.split("\t")[2]);
  await client.ask("SET", `${first}kv_bytes`, kvBlock(64));
  await client.ask("SET", `${first}metadata`, kvMetadata(64));
  await client.ask("SET", second, kvBlock(64));
  const usage = await json("usage", ...prompt);
  expect(usage).toMatchObject({ code: 2, blocks: 3, missing: 1 });
  expect(await json("pin", ...prompt)).toMatchObject({ blocks: 3, missing: 1 });
  expect(await json("unpin", ...prompt)).toMatchObject({ blocks: 3 });
  expect(await json("compress", "--codec", "zstd-planes", ...prompt)).toMatchObject({ done: 2 });
  expect(await client.ask("KW.WHERE", `${first}metadata`, second)).toEqual([["coded"], ["coded"]]);
  expect((await run("lookup", ...prompt)).out).toMatch(
    /^8 of 12 tokens, 2 of 3 chunks: 2 in coded/,
  );
  expect(await run("clear", "--yes", ...prompt)).toMatchObject({ code: 2 });
  expect(await client.ask("EXISTS", `${first}kv_bytes`, `${first}metadata`, second)).toBe(0);
  expect((await run("clear", "--yes", "--tier", "ram", ...prompt)).code).toBe(65);
  expect((await run("pin", "--help")).out).toMatch(/--tokens <ids>/);
});

test("in the background a job goes on, and can be waited for", async () => {
  const { run, json, client } = await start();
  const started = await run("compress", "--model", "org/m", "--background");
  expect(started).toMatchObject({ code: 0, out: "1\n" });
  expect(await run("jobs", "1", "--wait")).toMatchObject({
    code: 0,
    err: expect.stringMatching(/^compressed 3 blocks/),
  });
  expect(await run("warm", "--tier", "coded", "--background")).toMatchObject({ out: "2\n" });
  expect(await json("jobs", "2", "--wait")).toMatchObject({ state: "done", done: 6 });
  expect(await json("clear", "--model", "org/m", "--yes", "--background")).toMatchObject({
    job: "3",
  });
  expect((await run("jobs", "3", "--wait")).err).toMatch(/^removed 6 blocks/);
  expect(await client.ask("DBSIZE")).toBe(0);
  const { out } = await run("jobs");
  expect(out.split("\n").map((row) => row.split("\t").slice(0, 3))).toEqual([
    ["1", "compress", "done"],
    ["2", "warm", "done"],
    ["3", "clear", "done"],
    [""],
  ]);
  expect(await run("jobs", "3", "--cancel")).toMatchObject({ code: 0 });
  expect(await run("jobs", "9")).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^NOT_FOUND: .* no job 9/),
  });
});

test("what failed shows in the exit code", async () => {
  const { run, mover } = await start();
  mover.encode = async () => ({ status: "failed", why: "no-room" });
  expect(await run("compress", "--match", "*")).toMatchObject({
    code: 2,
    err: expect.stringMatching(/3 blocks failed \(3 no room\)/),
  });
});

test("where it cannot be, it is said", async () => {
  const front = await startFront();
  const url = `redis://127.0.0.1:${front.server.state.port}`;
  expect(await cli(url, ["compress", "--match", "*"])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/there is no room for encoded blocks: set coded\.size/),
  });
  for (const args of [
    ["compress"],
    ["compress", "KEY", "--match", "*"],
    ["compress", "KEY", "--codec", "gzip"],
    ["compress", "KEY", "--bins", "64"],
    ["compress", "KEY", "--codec", "cachegen", "--bins", "63"],
    ["decompress", "--family", "none"],
  ])
    expect(await cli(url, args)).toMatchObject({ code: 65 });
  const redis = await startRedisServer();
  try {
    expect(await cli(redis.url, ["jobs"])).toMatchObject({
      code: 69,
      err: expect.stringMatching(/runs no jobs/),
    });
    expect(await cli(redis.url, ["exists", "a"])).toMatchObject({ code: 1, out: "a\tno\t\n" });
  } finally {
    await redis.stop();
  }
});

test("exists and usage tell of single keys", async () => {
  const { run, json } = await start();
  const key = `${name(0)}kv_bytes`;
  expect(await run("exists", key, "none")).toMatchObject({
    code: 2,
    out: `${key}\tyes\tram\nnone\tno\t\n`,
  });
  expect(await json("exists", key)).toMatchObject({ code: 0, present: 1, missing: 0 });
  expect((await run("exists", "none")).code).toBe(1);
  const usage = await json("usage", "--model", "org/m");
  expect(usage).toMatchObject({ code: 0, blocks: 6, bytes: 3 * (65_536 + 28) });
  expect((usage as { memoryBytes?: number }).memoryBytes).toBeGreaterThan(3 * (65_536 + 28));
  expect((await run("usage", key)).out).toMatch(/^org\/m@.*\t64 KiB\t[\d.]+ KiB\n$/);
  expect((await run("usage", "none")).code).toBe(1);
});

test("monitor shows requests as they come, those that are wanted", async () => {
  const { url, client } = await start();
  const watching = cli(url, ["monitor", "--model", "org/m", "-c", "2", "--json"]);
  let asked = 0;
  const asking = setInterval(() => {
    asked++;
    void client.ask("EXISTS", "other", 'x\n"\\');
    void client.ask("STRLEN", name(1));
  }, 20);
  const { code, out } = await watching;
  clearInterval(asking);
  expect([code, asked > 0]).toEqual([0, true]);
  const lines = out.trim().split("\n");
  expect(lines).toHaveLength(2);
  expect(JSON.parse(lines[0])).toMatchObject({ database: 0, args: [name(1)] });
  const stop = new AbortController();
  const stopped = cli(url, ["monitor"], stop.signal);
  setTimeout(() => stop.abort(), 50);
  expect((await stopped).code).toBe(0);
  expect(await cli("redis://127.0.0.1:1", ["monitor"])).toMatchObject({ code: 1 });
});

test("lines of MONITOR are read back", () => {
  const line = String.raw`1790000000.000001 [3 127.0.0.1:5] "SET" "a b" "\"q\\\x00"`;
  expect(parseLine(line)).toEqual({
    time: 1_790_000_000.000001,
    database: 3,
    client: "127.0.0.1:5",
    command: "SET",
    args: ["a b", String.raw`"q\\x00`],
  });
  expect(parseLine("OK")).toBeUndefined();
});
