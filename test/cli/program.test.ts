import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { verbs } from "../../src/cli/verbs.ts";
import { parseConfig } from "../../src/config/load.ts";
import { startServer, type RunningServer } from "../../src/config/server.ts";

let server: RunningServer;
let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), "keepwarm-cli-"));
  server = await startServer(
    parseConfig({
      resp: { port: 0 },
      ram: { size: "64MiB", graceMs: 0 },
      auth: { password: "pw" },
    }),
  );
});
afterAll(async () => {
  await server.close();
  rmSync(cwd, { recursive: true, force: true });
});
afterEach(() => run(["rm", "--match", "*", "--yes", "-q"]));

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: string[], world: { stdin?: string; tty?: boolean; env?: object } = {}) {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    write: (data: string | Uint8Array) => (written[name] += Buffer.from(data).toString()),
    isTTY: world.tty ?? false,
    columns: 100,
  });
  const code = await runCli(args, {
    stdout: sink("out"),
    stderr: sink("err"),
    stdin: Readable.from([Buffer.from(world.stdin ?? "")]),
    env: { KEEPWARM_URL: server.listeners.resp, KEEPWARM_PASSWORD: "pw", ...world.env },
    cwd,
    signal: new AbortController().signal,
  });
  return { code, ...written } satisfies Outcome;
}

async function json(args: string[], world = {}): Promise<Record<string, unknown>> {
  const { out } = await run([...args, "--json"], world);
  return JSON.parse(out) as Record<string, unknown>;
}

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(cwd, name), content);
  return name;
}

describe("help", () => {
  test("lists every verb", async () => {
    const { code, out } = await run(["--help"]);
    expect(code).toBe(0);
    for (const { name } of verbs) expect(out).toMatch(new RegExp(`^  ${name} `, "m"));
  });

  const nested = [
    "config check",
    "config show",
    "config schema",
    "trace replay",
    "trace info",
    "ssd check",
    "ssd repair",
    "ssd compact",
    "ssd export",
    "ssd import",
  ];
  test.each([...verbs.map(({ name }) => name), ...nested])("%s has an example", async (verb) => {
    const { code, out } = await run([...verb.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(out).toMatch(/Example:\n {2}\$ .*keepwarm/);
  });

  test.each([
    [["srve"], /Did you mean serve/],
    [["ls", "--kys"], /Did you mean --keys/],
    [["trace", "repaly"], /Did you mean replay/],
    [["get"], /missing required argument 'key'/],
    [[], /Usage: keepwarm/],
  ])("%j is a usage error", async (args, message) => {
    const { code, out, err } = await run(args);
    expect(code).toBe(64);
    expect(out).toBe("");
    expect(err).toMatch(message);
  });
});

describe("errors", () => {
  test("are a code, a sentence and the next step", async () => {
    const { code, out, err } = await run(["ping", "--url", "redis://127.0.0.1:1"]);
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(/^CONNECTION_FAILED: redis:\/\/127\.0\.0\.1:1: .*\n {2}.*keepwarm serve/);
  });

  test("are objects for programs", async () => {
    expect(await json(["ping"], { env: { KEEPWARM_PASSWORD: "wrong" } })).toEqual({
      error: {
        code: "REPLY",
        message: expect.stringContaining("WRONGPASS"),
        remedy: expect.stringContaining("KEEPWARM_PASSWORD"),
      },
    });
  });

  test("never repeat a password", async () => {
    const { err } = await run(["ping", "--url", "redis://u:secret@127.0.0.1:1"]);
    expect(err).not.toContain("secret");
  });
});

describe("is it well?", () => {
  test("ping", async () => {
    expect(await run(["ping"])).toMatchObject({ code: 0, out: expect.stringContaining("up") });
    expect(await json(["ping", "-n", "2"])).toMatchObject({ ok: true, count: 2 });
  });

  test("describe", async () => {
    expect(await json(["describe"])).toMatchObject({
      product: "keepwarm",
      tiers: [{ name: "ram", capacityBytes: 64 * 1024 ** 2 }],
    });
    expect((await run(["describe"])).out).toMatch(/^tier\tram, policy lru$/m);
    expect((await run(["describe"], { tty: true })).out).toMatch(/^tier +ram, policy lru$/m);
  });

  test("stat prints as many lines as asked", async () => {
    const { code, out } = await run(["stat", "-i", "10ms", "-c", "2"]);
    expect(code).toBe(0);
    expect(out.trimEnd().split("\n")).toHaveLength(2);
    expect(await json(["stat", "-i", "10ms", "-c", "1"])).toMatchObject({ blocks: 0, clients: 1 });
  });
});

describe("blocks", () => {
  test("go in from stdin and come out on stdout", async () => {
    expect(await run(["put", "k"], { stdin: "hello" })).toMatchObject({ code: 0, out: "" });
    expect(await run(["get", "k"])).toMatchObject({ code: 0, out: "hello" });
    expect(await json(["get", "k"])).toEqual({ key: "k", bytes: 5, base64: "aGVsbG8=" });
  });

  test("go in from a file and come out in one", async () => {
    const value = Buffer.alloc(100_000, "\u0000\u0001\u0002");
    expect((await run(["put", "k", file("in.bin", value), "--ttl", "1h"])).code).toBe(0);
    expect((await run(["get", "k", "-o", "out.bin"])).code).toBe(0);
    expect(readFileSync(join(cwd, "out.bin")).equals(value)).toBe(true);
    expect((await run(["get", "k"], { tty: true })).code).toBe(65);
    const [listed] = (await json(["ls", "--keys"]))["keys"] as { ttlMs: number }[];
    expect(listed.ttlMs).toBeGreaterThan(3_500_000);
  });

  test("that are not there, and files that are not", async () => {
    expect(await run(["get", "gone"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^NOT_FOUND: /),
    });
    expect((await run(["put", "k", "gone.bin"])).code).toBe(65);
  });

  test("keys of any bytes", async () => {
    await run(["put", "a\\x00\\xff"], { stdin: "v" });
    expect((await run(["ls", "--keys"])).out).toMatch(/^a\\x00\\xff\t1 B\t-\t/);
    expect((await run(["get", "a\\x00\\xff"])).out).toBe("v");
  });

  test("are listed by family, model and rank, the largest first", async () => {
    await run(["put", "m@2@0@ab@half"], { stdin: "12345" });
    await run(["put", "m@2@0@cd@half"], { stdin: "123" });
    await run(["put", "m@2@1@ab@half"], { stdin: "1" });
    await run(["put", "other"], { stdin: "1234567890" });
    const { out, err } = await run(["ls"]);
    expect(out.split("\n").map((line) => line.split("\t").slice(0, 6))).toEqual([
      ["unknown", "-", "-", "-", "1", "10 B"],
      ["lmcache", "m", "0/2", "half", "2", "8 B"],
      ["lmcache", "m", "1/2", "half", "1", "1 B"],
      [""],
    ]);
    expect(err).toBe("4 blocks, 19 B\n");
    const listed = await run(["ls", "--keys", "--match", "m@*", "--limit", "1"]);
    expect(listed.out).toMatch(/^m@2@0@ab@half\t5 B\t/);
    expect(listed.err).toContain("2 more");
    expect((await run(["ls", "--keys", "--sort", "key"])).out).toMatch(/^m@2@0@ab.*\nm@2@0@cd/);
    expect((await run(["ls", "--sort", "colour"])).code).toBe(65);
  });

  test("are removed by key", async () => {
    await run(["put", "a"], { stdin: "1" });
    expect((await run(["rm", "a", "b"])).code).toBe(2);
    expect((await run(["rm", "a"])).code).toBe(1);
  });

  test("are removed by pattern, with a look first", async () => {
    for (const key of ["x1", "x2", "y"]) await run(["put", key], { stdin: "123" });
    expect(await json(["rm", "--match", "x*", "--dry-run"])).toMatchObject({
      dryRun: true,
      blocks: 2,
      bytes: 6,
    });
    expect(await run(["rm", "--match", "x*"])).toMatchObject({
      code: 65,
      err: expect.stringContaining("--yes"),
    });
    expect(await json(["rm", "--match", "x*", "--yes"])).toMatchObject({ blocks: 2 });
    expect((await run(["ls", "--keys"])).out).toMatch(/^y\t/);
    expect((await run(["rm"])).code).toBe(65);
  });
});

test("bench moves blocks, verifies them and leaves nothing", async () => {
  const report = await json(["bench", "--size", "64KiB", "--total", "4MiB", "--keys", "16"]);
  expect(report).toMatchObject({
    phases: [
      { operation: "set", blocks: 64, bytes: 4 * 1024 ** 2 },
      { operation: "get", blocks: 64 },
    ],
    missing: 0,
    corrupt: 0,
  });
  expect(await json(["ls"])).toMatchObject({ blocks: 0 });
});

describe("trace", () => {
  const lines = Array.from({ length: 30 }, (_, i) =>
    JSON.stringify({
      timestamp: i,
      input_length: 4 * 512,
      output_length: 1,
      hash_ids: [0, 1 + (i % 3), 10 + (i % 3), 100 + i],
    }),
  );

  test("info sums a trace up", async () => {
    const trace = file("t.jsonl", lines.join("\n"));
    expect(await json(["trace", "info", trace])).toMatchObject({
      requests: 30,
      uniqueBlocks: 37,
      maxHitRate: (2 * 1 + 27 * 3) / 120,
    });
  });

  test("replay reports the hit rate, sets limits back and leaves nothing", async () => {
    const trace = file("t.jsonl", lines.join("\n"));
    const all = await json(["trace", "replay", trace, "--block-size", "4KiB"]);
    expect(all).toMatchObject({
      blockHitRate: (2 * 1 + 27 * 3) / 120,
      corrupt: 0,
      evicted: 0,
      settings: { matchedBy: "KW.MATCH" },
    });
    const few = await json([
      "trace",
      "replay",
      trace,
      "--capacity-blocks=8",
      "--policy=s3fifo",
      "--connections=1",
      "--depth=1",
    ]);
    expect(few).toMatchObject({ server: { policy: "s3fifo" }, kept: 8, corrupt: 0 });
    expect(few["evicted"]).toBeGreaterThan(0);
    expect(await json(["describe"])).toMatchObject({
      tiers: [{ blocks: 0, maxBlocks: 0, policy: "lru" }],
    });
  });

  test("replay refuses a store that holds other blocks, or is too small", async () => {
    const trace = file("t.jsonl", lines.join("\n"));
    const huge = await run(["trace", "replay", trace, "--capacity-blocks", "100000"]);
    expect(huge).toMatchObject({ code: 65, err: expect.stringContaining("--ram-size") });
    await run(["put", "k"], { stdin: "v" });
    const full = await run(["trace", "replay", trace]);
    expect(full).toMatchObject({ code: 65, err: expect.stringContaining("--spawn") });
    expect((await run(["get", "k"])).out).toBe("v");
  });

  test("a disk tier is only for a server of the replay's own", async () => {
    const trace = file("t.jsonl", lines.join("\n"));
    const args = ["trace", "replay", trace, "--ssd-capacity-blocks", "9"];
    expect(await run(args)).toMatchObject({ code: 65, err: expect.stringContaining("--spawn") });
  });

  test("a broken line is found before the store is touched", async () => {
    const trace = file("t.jsonl", `${lines[0]}\nnonsense\n`);
    expect(await run(["trace", "replay", trace])).toMatchObject({
      code: 65,
      err: expect.stringMatching(/^INPUT_INVALID: t\.jsonl:2: is no JSON/),
    });
  });
});

describe("config", () => {
  test("check finds what is wrong and where", async () => {
    const bad = file("bad.yaml", "ram:\n  polcy: lru\n");
    expect(await run(["config", "check", bad])).toMatchObject({
      code: 78,
      err: 'bad.yaml:2:3: ram.polcy: is not a setting. Did you mean "policy"?\n',
    });
    expect(await json(["config", "check", bad])).toMatchObject({
      ok: false,
      problems: [{ line: 2, column: 3, path: "ram.polcy" }],
    });
    expect((await run(["config", "check", file("good.yaml", "ram: { size: 1GiB }\n")])).code).toBe(
      0,
    );
  });

  test("show and check take the flags of serve, and judge LMCache's remote_url by them", async () => {
    const lmcache = file("lmcache.yaml", "remote_url: redis://127.0.0.1:7000\n");
    const flags = ["--lmcache-config", lmcache];
    expect(await json(["config", "show", ...flags])).toMatchObject({
      remote: ["redis://127.0.0.1:7000"],
    });
    const own = [...flags, "--resp-port", "7000"];
    expect(await json(["config", "show", ...own])).toMatchObject({
      remote: [],
      resp: { port: 7000 },
    });
    const { err } = await run(["config", "show", ...own]);
    expect(err).toMatch(/remote_url redis:\/\/127\.0\.0\.1:7000 is this server itself/);
    expect((await run(["config", "check", ...own])).err).toMatch(/is this server itself/);
    expect((await run(["config", "show", "--resp-port", "x"])).code).toBe(78);
  });

  test("show tells values, origins and no passwords", async () => {
    const good = file("good.yaml", "ram: { size: 1GiB }\nauth: { password: hunter2 }\n");
    const env = { KEEPWARM_LOG_LEVEL: "warn" };
    const { out } = await run(["config", "show", "--config", good, "--origin"], { env });
    expect(out).toMatch(/^ram\.size\t1073741824\tgood\.yaml:1:14$/m);
    expect(out).toMatch(/^log\.level\twarn\tenv KEEPWARM_LOG_LEVEL$/m);
    expect(out).toMatch(/^auth\.password\t\(set\)\t/m);
    expect(await json(["config", "show"], { env })).toMatchObject({ log: { level: "warn" } });
  });

  test("schema is JSON Schema", async () => {
    expect(await json(["config", "schema"])).toMatchObject({ type: "object" });
  });
});
