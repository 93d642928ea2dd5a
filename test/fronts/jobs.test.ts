import { once } from "node:events";
import { expect, test } from "vitest";
import type { JobReport } from "../../src/fronts/resp/jobs/job.ts";
import { pseudoRandomBytes } from "../support/bytes.ts";
import { kvBlock, kvMetadata, startCodedFront } from "../support/coded-front.ts";
import { FakeLowerTier } from "../support/fake-lower-tier.ts";
import { startFront } from "../support/front.ts";
import type { RawClient } from "../support/raw-client.ts";

type Words = readonly (string | number | Buffer)[];

async function report(client: RawClient, id: string): Promise<JobReport> {
  return JSON.parse((await client.ask("KW.JOB", "STATUS", id)) as string) as JobReport;
}

/** Starts a job and waits for its end. */
async function run(client: RawClient, ...words: Words): Promise<JobReport> {
  const id = (await client.ask("KW.JOB", "START", ...words)) as string;
  expect(id).toMatch(/^\d+$/);
  await expect.poll(async () => (await report(client, id)).state).not.toBe("running");
  return report(client, id);
}

async function answer(client: RawClient, ...words: Words): Promise<string> {
  return JSON.stringify(await client.ask(...words));
}

const pair = (hash: string) => [
  `org/m@1@0@${hash}@bfloat16kv_bytes`,
  `org/m@1@0@${hash}@bfloat16metadata`,
];

test("clears what is chosen, in all tiers, and nothing else", async () => {
  const lower = new FakeLowerTier();
  const front = await startFront({}, { graceMs: 0 }, { lower });
  const client = await front.client();
  for (let index = 0; index < 1200; index++) await client.ask("SET", `old@${index}`, "v");
  await client.ask("SET", "new@1", "v");
  lower.put("old@below", "v");
  await client.ask("RPUSH", "old@list", "v");
  const looked = await run(client, "clear", "MATCH", "old@*", "DRYRUN");
  expect(looked).toMatchObject({ state: "done", dryRun: true, chosen: 1202, done: 1202 });
  expect(await client.ask("EXISTS", "old@0", "old@below", "old@list")).toBe(3);
  const cleared = await run(client, "clear", "PREFIX", "old@");
  expect(cleared).toMatchObject({ kind: "clear", state: "done", done: 1202, failed: {} });
  expect(cleared.endedAt).toBeGreaterThanOrEqual(cleared.startedAt);
  expect(await client.ask("EXISTS", "old@0", "old@below", "old@list", "new@1")).toBe(1);
  expect(await client.ask("DBSIZE")).toBe(1);
});

test("warms and demotes", async () => {
  const lower = new FakeLowerTier();
  const front = await startFront({}, { graceMs: 0 }, { lower, prefetchBytes: 0 });
  const client = await front.client();
  await client.ask("SET", "a", "alpha");
  lower.put("b", "beta");
  expect(await run(client, "warm", "KEYS", "a", "b", "none")).toMatchObject({
    done: 1,
    bytes: 4,
    asIs: { "nothing-to-do": 1, gone: 1 },
  });
  expect(await client.ask("KW.WHERE", "b")).toEqual([["ram", "fake"]]);
  expect(await run(client, "demote", "TIER", "ram")).toMatchObject({ done: 2, asIs: {} });
  expect(await client.ask("KW.WHERE", "a", "b")).toEqual([["fake"], ["fake"]]);
  lower.broken = true;
  expect(await run(client, "warm", "KEYS", "a")).toMatchObject({ failed: { unreadable: 1 } });
});

test("compresses and decompresses, by the rules or as told", async () => {
  const { client, coded, ram } = await startCodedFront({
    rules: [{ model: "org/m", codec: "fp8", remote: false }],
  });
  const [kv, metadata] = pair("1");
  await client.ask("SET", kv, kvBlock(64));
  await client.ask("SET", metadata, kvMetadata(64));
  await client.ask("SET", "plain", kvBlock(64));
  await client.ask("SET", "noise", pseudoRandomBytes(8192));
  const looked = await run(client, "compress", "MATCH", "*", "DRYRUN");
  expect(looked).toMatchObject({ done: 1, bytes: 65_536, asIs: { "nothing-to-do": 3 } });
  expect(await run(client, "compress", "MODEL", "org/m")).toMatchObject({ chosen: 2, done: 1 });
  expect([ram.entries.count, coded.stats().blocks]).toEqual([2, 2]);
  const told = await run(client, "compress", "CODEC", "zstd-planes", "MATCH", "*");
  expect(told).toMatchObject({ done: 1, asIs: { "not-smaller": 1 } });
  await client.ask("GETRANGE", "plain", 0, 1);
  expect(await client.ask("KW.WHERE", "plain")).toEqual([["ram"]]);
  const back = await run(client, "decompress", "MATCH", "*");
  expect(back).toMatchObject({ done: 2, bytesAfter: 2 * 65_536 });
  expect(back.bytes).toBeLessThan(110_000);
  expect([ram.entries.count, coded.stats().blocks]).toEqual([4, 0]);
  const lossy = await run(client, "compress", "CODEC", "cachegen", "BINS", 64, "KEYS", "plain");
  expect(lossy).toMatchObject({ done: 0, asIs: { "unknown-layout": 1 } });
});

test("can be listed and cancelled; few run at a time, and the oldest are forgotten", async () => {
  const gate = new AbortController();
  const { client, mover } = await startCodedFront();
  mover.encode = async () => {
    if (!gate.signal.aborted) await once(gate.signal, "abort");
    return { status: "moved", before: 2, after: 1 };
  };
  for (const key of ["a", "b", "c"]) await client.ask("SET", key, kvBlock(8));
  const ids: string[] = [];
  for (let count = 0; count < 4; count++)
    ids.push((await client.ask("KW.JOB", "START", "compress", "CODEC", "fp8")) as string);
  expect(await answer(client, "KW.JOB", "START", "clear")).toMatch(/4 jobs run already/);
  expect(await report(client, ids[0])).toMatchObject({ state: "running", done: 0 });
  await client.ask("KW.JOB", "CANCEL", ids[0]);
  gate.abort();
  await expect.poll(async () => (await report(client, ids[0])).state).toBe("cancelled");
  expect((await report(client, ids[0])).done).toBeLessThan(3);
  await expect.poll(async () => (await report(client, ids[3])).state).toBe("done");
  expect(await report(client, ids[3])).toMatchObject({ done: 3, bytes: 6, bytesAfter: 3 });
  for (let count = 0; count < 70; count++) await run(client, "clear", "KEYS", "none");
  const list = JSON.parse((await client.ask("KW.JOB", "LIST")) as string) as JobReport[];
  expect(list.map(({ id }) => Number(id))).toEqual(
    Array.from({ length: list.length }, (_, index) => 75 - list.length + index),
  );
  expect(list.length).toBeLessThanOrEqual(65);
  expect(await answer(client, "KW.JOB", "STATUS", ids[0])).toMatch(/no job 1 is known/);
});

test("what cannot be understood or done is refused in words", async () => {
  const front = await startFront();
  const client = await front.client();
  for (const words of [
    ["KW.JOB", "START"],
    ["KW.JOB", "START", "explode"],
    ["KW.JOB", "START", "clear", "MATCH"],
    ["KW.JOB", "START", "clear", "WHAT", "x"],
    ["KW.JOB", "START", "compress", "CODEC", "gzip"],
    ["KW.JOB", "START", "compress", "CODEC", "cachegen", "BINS", "7"],
    ["KW.JOB", "STOP", "1"],
  ])
    expect(await answer(client, ...words)).toMatch(/ERR usage: KW.JOB START/);
  expect(await answer(client, "KW.JOB", "START", "compress")).toMatch(/set coded\.size/);
  expect(await answer(client, "KW.JOB", "CANCEL", "9")).toMatch(/no job 9 is known/);
});
