import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";

let redis: RunningServer;
let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), "keepwarm-other-"));
  redis = await startRedisServer({ args: ["--unixsocket", join(cwd, "redis.sock")] });
});
afterAll(async () => {
  await redis.stop();
  rmSync(cwd, { recursive: true, force: true });
});

async function run(...args: string[]) {
  const written = { out: "", err: "" };
  const code = await runCli(args, {
    stdout: { write: (data) => (written.out += Buffer.from(data).toString()) },
    stderr: { write: (data) => (written.err += Buffer.from(data).toString()) },
    stdin: (async function* () {
      yield await Promise.resolve(Buffer.from("12345"));
    })(),
    env: { KEEPWARM_URL: redis.url },
    cwd,
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

test("describe and stat read INFO, and say so", async () => {
  const described = await run("describe");
  expect(described).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^server\tredis \d.*\n[^]*^tier\tram, policy noeviction$/m),
    err: expect.stringContaining("is redis"),
  });
  expect((await run("stat", "-i", "10ms", "-c", "1")).code).toBe(0);
});

test("ls scans with STRLEN, and rm finds what it shows", async () => {
  await run("put", "m@1@0@ab@half", "--ttl", "1h");
  await run("put", "other");
  const { out, err } = await run("ls", "--keys", "--match", "m@*");
  expect(out).toMatch(/^m@1@0@ab@half\t5 B\t60 min\n$/);
  expect(err).toContain("no KW.SCAN here");
  expect(await run("rm", "--match", "*", "--yes")).toMatchObject({
    code: 0,
    err: "removed 2 blocks, 10 B\n",
  });
});

test("there are no tiers to move blocks between, and clear says what it can't choose by", async () => {
  await run("put", "k1");
  for (const verb of ["warm", "demote", "pin", "unpin"])
    expect(await run(verb, "k1")).toMatchObject({
      code: 69,
      err: expect.stringMatching(/^UNSUPPORTED: .* has no tiers/),
    });
  expect(await run("clear", "--idle", "1h", "--yes")).toMatchObject({ code: 69 });
  expect(await run("clear", "--prefix", "k", "--yes")).toMatchObject({
    code: 0,
    err: expect.stringContaining("removed 1 block, 5 B"),
  });
});

test("a replay asks key by key, and cannot set limits", async () => {
  const line = JSON.stringify({ input_length: 1500, output_length: 1, hash_ids: [0, 1, 2] });
  writeFileSync(join(cwd, "t.jsonl"), `${line}\n${line}\n`);
  const { code, out } = await run("trace", "replay", "t.jsonl", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    blockHitRate: 0.5,
    corrupt: 0,
    settings: { matchedBy: "EXISTS" },
  });
  expect(await run("trace", "replay", "t.jsonl", "--capacity-blocks", "2")).toMatchObject({
    code: 69,
    err: expect.stringContaining("--spawn"),
  });
});

test("a Unix socket will do", async () => {
  const { code, out } = await run("ping", "--url", `unix:${join(cwd, "redis.sock")}`);
  expect(code).toBe(0);
  expect(out).toContain("up");
});
