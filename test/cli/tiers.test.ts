import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeEach, expect, test } from "vitest";
import { connectResp } from "../../src/backends/valkey/client.ts";
import { runCli } from "../../src/cli/program.ts";
import { painter } from "../../src/cli/render/style.ts";
import { rates, statCells, statHeading } from "../../src/cli/server/rates.ts";
import type { Snapshot } from "../../src/cli/server/snapshot.ts";
import { tierFacts } from "../../src/cli/server/tier-facts.ts";
import { parseConfig } from "../../src/config/load.ts";
import { startServer, type RunningServer } from "../../src/config/server.ts";
import { replyText } from "../../src/wire/resp/reply.ts";
import { startFront } from "../support/front.ts";

const KiB = 1024;
const MODELS = ["org/a", "org/b"];
/** Keys of LMCache with their sizes. */
const BLOCKS = MODELS.flatMap((model) =>
  Array.from({ length: 10 }, (_, i) => [
    `vllm@${model}@1@0@${(i + 1).toString(16).padStart(8, "0")}@bfloat16`,
    (i + 1) * KiB,
  ]),
) as [string, number][];

let server: RunningServer | undefined;
let cwd: string;
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), "keepwarm-cli-tiers-"));
  server = await startServer(
    parseConfig({
      resp: { port: 0 },
      ram: { size: "32MiB", graceMs: 0 },
      ssd: { dir: join(cwd, "ssd"), size: "64MiB", segmentSize: "4MiB" },
    }),
  );
  const connection = await connectResp(server.listeners.resp);
  for (const [key, bytes] of BLOCKS) await connection.set(key, [Buffer.alloc(bytes, key)]);
  await connection.set("other", [Buffer.alloc(100)]);
  await connection.close();
  await expect.poll(async () => (await ssd()).blocks).toBe(BLOCKS.length + 1);
  return async () => {
    await server?.close();
    rmSync(cwd, { recursive: true, force: true });
  };
});
afterAll(() => (server = undefined));

async function run(
  args: string[],
  { url = server!.listeners.resp, tty = false, color = false } = {},
) {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    write: (data: string | Uint8Array) => (written[name] += Buffer.from(data).toString()),
    isTTY: tty,
    columns: 100,
  });
  const code = await runCli(args, {
    stdout: sink("out"),
    stderr: sink("err"),
    stdin: Readable.from([]),
    env: { KEEPWARM_URL: url, ...(color ? { FORCE_COLOR: "1" } : {}) },
    cwd,
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await run([...args, "--json"])).out) as Record<string, unknown>;
}

async function ssd(): Promise<Snapshot["tiers"][number]> {
  const { tiers } = (await json("describe")) as unknown as Snapshot;
  return tiers[1];
}

test("demote and warm move blocks between the tiers, and tell before", async () => {
  const bytes = 55 * KiB;
  expect(await json("demote", "--model", "org/a", "--dry-run")).toEqual({
    dryRun: true,
    blocks: 10,
    bytes,
    asIs: 0,
    missing: 0,
  });
  expect((await json("ls", "--keys")).keys).not.toContainEqual(
    expect.objectContaining({ tier: "ssd" }),
  );
  const demoted = await run(["demote", "--model", "org/a"]);
  expect(demoted).toMatchObject({ code: 0, err: "demoted 10 blocks, 55 KiB\n" });
  const { keys } = (await json("ls", "--keys", "--match", "*org/a*")) as {
    keys: { tier: string }[];
  };
  expect(keys.map(({ tier }) => tier)).toEqual(Array.from({ length: 10 }, () => "ssd"));
  expect((await run(["ls", "--keys", "--match", "*org/a*"])).out).toMatch(/\tssd$/m);
  const groups = (await run(["ls"], { tty: true })).out;
  expect(groups).toMatch(/HITS +IN RAM +IN SSD\b/);
  expect(groups).toMatch(/org\/a .* 0 B +55 KiB\n/);
  expect(groups).toMatch(/org\/b .* 55 KiB +0 B\n/);
  expect(await json("demote", "--model", "org/a")).toMatchObject({ blocks: 0, asIs: 10 });
  expect(await json("warm", "--tier", "ssd", "--dry-run")).toMatchObject({ blocks: 10, bytes });
  expect(await json("warm", "--prefix", "vllm@")).toMatchObject({
    blocks: 10,
    bytes,
    asIs: 10,
    failed: 0,
  });
  expect((await ssd()).promoted).toBe(10);
  expect(await json("warm", BLOCKS[0][0], "none")).toMatchObject({
    blocks: 0,
    asIs: 1,
    missing: 1,
  });
});

test("warm says when RAM is too small for all of it", async () => {
  const connection = await connectResp(server!.listeners.resp);
  for (let i = 0; i < 12; i++) await connection.set(`big${i}`, [Buffer.alloc(3 * 1024 ** 2, i)]);
  await expect.poll(async () => (await ssd()).blocks).toBe(BLOCKS.length + 13);
  await connection.close();
  await run(["demote", "--prefix", "big"]);
  const { code, err } = await run(["warm", "--prefix", "big"]);
  expect(err).toMatch(/^warning: RAM holds 32 MiB: the first of 12 blocks, 36 MiB leave again$/m);
  expect(code).toBe(0);
});

test("pin and unpin", async () => {
  expect(await json("pin", "--family", "lmcache", "--model", "org/b")).toMatchObject({
    blocks: 10,
  });
  expect(await json("pin", "--family", "lmcache", "--dry-run")).toMatchObject({
    blocks: 10,
    asIs: 10,
  });
  expect((await ssd()).pinned).toBe(10);
  expect((await run(["unpin", "--match", "*"])).err).toContain("unpinned 10 blocks, 55 KiB; 11");
  expect((await ssd()).pinned).toBe(0);
});

test("clear removes what is chosen, from every tier", async () => {
  await run(["demote", "--model", "org/a"]);
  expect(await json("clear", "--model", "org/a", "--dry-run")).toMatchObject({ blocks: 10 });
  expect(await run(["clear", "--model", "org/a"])).toMatchObject({
    code: 65,
    err: expect.stringContaining("--dry-run") as string,
  });
  expect(await json("clear", "--model", "org/a", "--yes")).toMatchObject({ blocks: 10 });
  expect((await ssd()).blocks).toBe(11);
  expect(await json("clear", "--idle", "1h", "--yes")).toMatchObject({ blocks: 0 });
  expect(await json("clear", "other")).toMatchObject({ blocks: 1 });
  expect(await json("clear", "--prefix", "vllm@org/b@1@0@0000000a", "--yes")).toMatchObject({
    blocks: 1,
  });
  expect(await json("ls")).toMatchObject({ blocks: 9 });
});

test.each([
  [["warm"], /either keys or flags/],
  [["pin", "k", "--match", "*"], /either keys or flags/],
  [["demote", "--family", "lmcash"], /--family lmcash is none[^]*lmcache, /],
  [["clear", "--idle", "soon"], /"soon" is not a duration/],
])("%j is refused", async (args, message) => {
  const { code, err } = await run(args);
  expect(err).toMatch(message);
  expect(code).toBe(65);
});

test("what can't be brought up is told", async () => {
  const front = await startFront({}, { capacityBytes: 1024 ** 2 });
  const url = `redis://127.0.0.1:${front.server.state.port}`;
  const client = await front.client();
  await client.ask("SET", "a", "1");
  // No tier below RAM: there is nothing to demote or warm.
  expect(await run(["demote", "a"], { url })).toMatchObject({
    code: 0,
    err: "demoted 0 blocks, 0 B; 1 block left as is\n",
  });
  expect(await run(["pin", "none"], { url })).toMatchObject({ code: 1 });
  expect(await run(["pin", "a", "none"], { url })).toMatchObject({ code: 2 });
});

test("describe has one part for each tier", async () => {
  await run(["demote", "--model", "org/a"]);
  await run(["warm", "--model", "org/a"]);
  const { out } = await run(["describe"]);
  for (const line of [
    /^tier\tram, policy lru$/m,
    /^tier\tssd$/m,
    /^state\tready$/m,
    /^directory\t.*\/ssd, (O_DIRECT|through the page cache)$/m,
    /^durability\tnone$/m,
    /^segments\t16 of 4 MiB, 1\d free$/m,
    /^blocks\t21$/m,
    /^reads\tp50 .* us|ms, p99 .*$/m,
    /^writes\t.*, amplification \d+\.\d\d$/m,
    /^queue\t0 B in 0 writes$/m,
    /^came up\t10 blocks, 0 read ahead$/m,
  ])
    expect(out).toMatch(line);
  expect(out).not.toMatch(/alarm|damaged|disk errors/);
});

test("a disk that fails stands out in red", async () => {
  const tier = { ...(await ssd()), state: "failing", alarm: "no space left", lost: 3 } as const;
  const facts = new Map(tierFacts(tier, painter(true)));
  expect(facts.get("state")).toBe("\u001B[31mfailing\u001B[39m");
  expect(facts.get("alarm")).toBe("\u001B[31mno space left\u001B[39m");
  expect(facts.get("not written")).toBe("\u001B[31m3\u001B[39m");
  const load = { segments: 40, segmentsDone: 12, records: 1500, done: false };
  const loading = new Map(tierFacts({ ...tier, state: "loading", load }, painter(false)));
  expect(loading.get("state")).toBe("loading its index: 12 of 40 segments, 1,500 records");
});

test("stat has columns for the disk where there is one", async () => {
  const before = (await json("describe")) as unknown as Snapshot;
  await run(["demote", "--model", "org/a"]);
  await run(["warm", "--model", "org/a"]);
  const after = (await json("describe")) as unknown as Snapshot;
  const sample = rates(before, after, 2);
  expect(sample.ssd).toMatchObject({ hitsPerSecond: 5, queuedBytes: 0, blocks: 21 });
  expect(sample.ssd!.bytesOutPerSecond).toBeGreaterThanOrEqual((55 * KiB) / 2);
  expect(statHeading(sample)).toMatch(/clients +ssd hits\/s +ssd in\/s +ssd out\/s +ssd queue$/);
  expect(statCells(sample)).toHaveLength(12);
  const { ssd: _, ...without } = sample;
  expect(statHeading(without)).toMatch(/clients$/);
  const { out } = await run(["stat", "-i", "10ms", "-c", "1"]);
  expect(out.trimEnd().split("\t")).toHaveLength(12);
});

test("INFO tells all of it", async () => {
  const connection = await connectResp(server!.listeners.resp);
  const text = replyText(await connection.command(["INFO", "tiers"])) ?? "";
  await connection.close();
  for (const line of [
    /^ssd_state:ready$/m,
    /^ssd_alarm:$/m,
    /^ssd_blocks:21$/m,
    /^ssd_capacity_bytes:67108864$/m,
    /^ssd_write_amplification:\d+(\.\d{3})?$/m,
    /^ssd_read_p99_us:\d+$/m,
    /^ssd_queued_bytes:0$/m,
    /^ssd_direct:[01]$/m,
    /^ssd_load_done:1$/m,
  ])
    expect(text.replaceAll("\r", "")).toMatch(line);
});
