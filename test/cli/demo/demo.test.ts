import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { DemoResult } from "../../../src/cli/demo/report.ts";
import { run, type RunResult } from "../../../src/testing/servers/run.ts";

// The first run gets a model of 93 MB; and other tests may take the processor.
vi.setConfig({ testTimeout: 900_000 });

const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "keepwarm-demo-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function demo(...flags: readonly string[]): Promise<RunResult> {
  const args = ["--import", import.meta.resolve("tsx"), main, "demo", "--threads", "1", ...flags];
  return run(process.execPath, args, { timeoutMs: 600_000 });
}

function resultOf({ stdout, stderr, code }: RunResult): DemoResult {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as DemoResult;
}

test("a new process restores what another computed, faster, and answers the same", async () => {
  const svg = join(folder, "ttft.svg");
  const result = resultOf(await demo("--json", "--tokens", "300", "--svg", svg));
  expect(result).toMatchObject({
    identical: true,
    identicalAgain: true,
    tier: "process A",
    randomWeights: false,
  });
  expect(result.tokens).toBeGreaterThan(200);
  expect(result.tokens).toBeLessThanOrEqual(310);
  expect(result.reusedTokens).toBeGreaterThan(result.tokens - 40);
  expect(result.bytes).toBeGreaterThan(20_000 * result.reusedTokens);
  expect(result.ttftRatio).toBeGreaterThan(1.5);
  expect(result.againRatio).toBeGreaterThan(result.ttftRatio);
  expect(readFileSync(svg, "utf8")).toMatch(/^<svg [^]*question 4 again[^]*<\/svg>\n$/);
});

test("the same from the disk, where a flipped bit is noticed; nothing is left behind", async () => {
  const flags = ["--tokens", "160", "--ssd", folder, "--damage"];
  const before = readdirSync(folder);
  const { code, stdout, stderr } = await demo(...flags);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/question 4 again .* restored, .* from ssd/);
  expect(stdout).toContain("the same answer, token by token");
  expect(stdout).toContain("A bit flipped in a stored block: noticed");
  expect(readdirSync(folder)).toEqual(before);
});

test("a store that is not there is an error that says so, before anything is computed", async () => {
  const { code, stdout, stderr } = await demo("--tokens", "110", "--url", "redis://127.0.0.1:1");
  expect(code).toBe(1);
  expect(stderr).toMatch(/CONNECTION_FAILED: nothing could be stored/);
  expect(stdout).toBe("");
});
