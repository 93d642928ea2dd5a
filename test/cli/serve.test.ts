import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { connectResp } from "../../src/backends/valkey/client.ts";
import type { ReplayReport } from "../../src/cli/trace/report.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const running = new Set<ChildProcess>();
let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "keepwarm-serve-"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

/** The command line in a process of its own, with nothing of this one's environment. */
function keepwarm(...args: string[]) {
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), main, ...args], {
    cwd,
    env: { PATH: process.env["PATH"], TMPDIR: cwd },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const exited = once(child, "exit").then(([code]) => code as number | null);
  return { child, exited };
}

async function serve(...args: string[]) {
  const { child, exited } = keepwarm(
    "serve",
    "--json",
    "--resp-port=0",
    "--ram-size=32MiB",
    ...args,
  );
  for await (const line of createInterface({ input: child.stdout }))
    return { child, exited, ready: JSON.parse(line) as { resp: string; pid: number } };
  throw new Error(`not ready: ${await text(child.stderr)}`);
}

test("serve says where it listens, serves, and ends on SIGTERM", async () => {
  const { child, exited, ready } = await serve();
  expect(ready).toMatchObject({ event: "ready", pid: child.pid });
  const connection = await connectResp(ready.resp);
  await connection.set("k", Buffer.from("v"));
  await connection.close();
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
});

test("SHUTDOWN from a client ends it as well", async () => {
  const { exited, ready } = await serve();
  const connection = await connectResp(ready.resp);
  await connection.command(["SHUTDOWN"]).catch(() => {});
  expect(await exited).toBe(0);
  await connection.close();
});

test("a taken port is an error that names the flag", async () => {
  const { ready } = await serve();
  const { child, exited } = keepwarm("serve", `--resp-port=${new URL(ready.resp).port}`);
  expect(await text(child.stderr)).toMatch(/^LISTEN_FAILED: .*taken\n.*--resp-port/);
  expect(await exited).toBe(1);
});

test("the file beside it is read, and wrong settings keep it from starting", async () => {
  writeFileSync(join(cwd, "bad.yaml"), "ram: { size: 32MiB, polcy: lru }\n");
  const { child, exited } = keepwarm("serve", "--config", "bad.yaml");
  expect(await text(child.stderr)).toMatch(/^CONFIG_INVALID: bad\.yaml:1:21: ram\.polcy/);
  expect(await exited).toBe(78);
});

function line(ids: number[]): string {
  return JSON.stringify({ input_length: ids.length * 512, output_length: 1, hash_ids: ids });
}

test("a replay with a server of its own leaves no server behind", async () => {
  writeFileSync(join(cwd, "t.jsonl"), [line([0, 1]), line([0, 1, 2]), line([0, 3])].join("\n"));
  const { child, exited } = keepwarm("trace", "replay", "t.jsonl", "--spawn", "--json");
  const report = JSON.parse(await text(child.stdout)) as object;
  expect(report).toMatchObject({ blocks: 7, hitBlocks: 3, corrupt: 0, lost: 0 });
  expect(await exited).toBe(0);
});

test("a replay with a disk below finds there what RAM has no room for", async () => {
  const chain = line(Array.from({ length: 40 }, (_, id) => id));
  writeFileSync(join(cwd, "t.jsonl"), Array.from({ length: 40 }, () => chain).join("\n"));
  const flags = ["--spawn", "--capacity-blocks=8", "--connections=1", "--depth=1", "--json"];
  const replay = async (...more: string[]) => {
    const { child, exited } = keepwarm("trace", "replay", "t.jsonl", ...flags, ...more);
    const report = JSON.parse(await text(child.stdout)) as ReplayReport;
    expect(await exited).toBe(0);
    expect(report).toMatchObject({ blocks: 1600, corrupt: 0, tooFewKept: false });
    return report;
  };
  const without = await replay();
  expect(without.ssd).toBeUndefined();
  const withDisk = await replay("--ssd-capacity-blocks=100");
  expect(withDisk.hitBlocks).toBeGreaterThan(without.hitBlocks);
  expect(withDisk.ssd?.reads).toBeGreaterThan(0);
  expect(withDisk.ssd?.writeAmplification).toBeGreaterThan(1);
  expect(readdirSync(cwd)).not.toContainEqual(expect.stringContaining("keepwarm-replay-"));
}, 30_000);
