import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import type { Report } from "../../src/cli/doctor/report.ts";
import { runCli } from "../../src/cli/program.ts";
import { findBinary } from "../../src/testing/servers/binaries.ts";
import { startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { run } from "../../src/testing/servers/run.ts";
import { withConnection } from "../../src/testing/servers/with-connection.ts";
import { pseudoRandomBytes } from "../support/bytes.ts";
import { root } from "../docs/markdown.ts";

const MIB = 1024 ** 2;
/** Below the ports that systems hand out, so that nobody takes one in between. */
const firstPort = 20_000;
const busOffset = 10_000;

/** The first of six ports that are free, and as many for a cluster's bus. */
async function freePorts(): Promise<number> {
  for (;;) {
    const first = firstPort + 10 * Math.floor(Math.random() * 900);
    const ports = Array.from({ length: 6 }, (_, i) => [first + i, first + i + busOffset]).flat();
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .once("error", () => resolve(false))
      .listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function startRecipe(name: string) {
  // A server that can be had at all is on PATH or unpacked after this, where the scripts find it.
  await findBinary("valkey-server");
  const folder = mkdtempSync(join(tmpdir(), "keepwarm-deploy-"));
  const env = { ...process.env, DIR: folder, PORT: String(await freePorts()), MEMORY: "64mb" };
  const script = (verb: string) => run("bash", [join(root, "deploy", name, verb)], { env });
  onTestFinished(async () => {
    await script("stop");
    rmSync(folder, { recursive: true, force: true });
  });
  const started = await script("start");
  expect(started).toMatchObject({ code: 0, stderr: "" });
  return { folder: join(folder, name), script, stdout: started.stdout };
}

async function examine(url: string): Promise<Report> {
  let out = "";
  await runCli(["doctor", url, "--json"], {
    stdout: { write: (data) => (out += Buffer.from(data).toString()) },
    stderr: { write: () => {} },
    stdin: Readable.from([]),
    env: {},
    cwd: tmpdir(),
    signal: new AbortController().signal,
  });
  return JSON.parse(out) as Report;
}

test.each(["valkey-single", "valkey-sentinel", "valkey-cluster"])(
  "%s starts, keeps the blocks of Keepwarm servers, and leaves nothing behind",
  async (name) => {
    const { folder, script, stdout } = await startRecipe(name);
    const remote = /keepwarm serve --remote (\S+)/.exec(stdout)![1];
    expect(stdout).toMatch(/remote_url: "redis/);
    const { findings } = await examine(remote);
    const problems = findings.filter((f) => f.subject !== "this machine" && f.level === "problem");
    expect(problems).toEqual([]);

    const args = ["--ram-size", "64MiB", "--remote", remote];
    await using one = await startKeepwarm({ args, cwd: folder });
    await using other = await startKeepwarm({ args, cwd: folder });
    const blocks = Array.from({ length: 6 }, (_, i) => pseudoRandomBytes(2 * MIB, i));
    await withConnection(one.url, async (connection) => {
      for (const [i, block] of blocks.entries()) await connection.set(`block-${i}`, [block]);
    });
    await withConnection(other.url, async (connection) => {
      for (const [i, block] of blocks.entries()) {
        const memory = Buffer.alloc(2 * MIB);
        await expect
          .poll(() => connection.getInto(`block-${i}`, memory), { timeout: 10_000 })
          .toBe(2 * MIB);
        expect(memory.equals(block)).toBe(true);
      }
    });

    expect((await script("start")).stderr).toContain("runs already");
    expect(await script("stop")).toMatchObject({ code: 0, stdout: `${name}: stopped\n` });
    expect(existsSync(folder)).toBe(false);
    expect((await examine(remote)).ok).toBe(false);
  },
  60_000,
);

test("a start that fails says why and ends what it began", async () => {
  const { stdout, script, folder } = await startRecipe("valkey-single");
  const port = /redis:\/\/127\.0\.0\.1:(\d+)/.exec(stdout)![1];
  const env = { ...process.env, DIR: join(folder, "elsewhere"), PORT: port };
  const second = await run("bash", [join(root, "deploy", "valkey-single", "start")], { env });
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`port ${port} is taken`);
  expect(existsSync(join(folder, "elsewhere", "valkey-single"))).toBe(false);
  expect((await script("stop")).code).toBe(0);
});

test("without any server the start says what to install", async () => {
  const folder = mkdtempSync(join(tmpdir(), "keepwarm-deploy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const tool of ["bash", "basename", "dirname", "id"]) {
    const { stdout } = await run("bash", ["-c", `command -v ${tool}`]);
    symlinkSync(stdout.trim(), join(folder, tool));
  }
  const env = { PATH: folder, HOME: folder, DIR: folder, KEEPWARM_TEST_CACHE: folder };
  const start = join(root, "deploy", "valkey-single", "start");
  const { code, stderr } = await run(join(folder, "bash"), [start], { env });
  expect(code).toBe(1);
  expect(stderr).toContain("apt-get install valkey-server");
});
