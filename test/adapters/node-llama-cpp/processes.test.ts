import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ValkeyStore } from "../../../src/backends/valkey/valkey-store.ts";
import {
  startKeepwarm,
  type RunningKeepwarm,
} from "../../../src/testing/servers/keepwarm-server.ts";
import { TcpProxy } from "../../../src/testing/tcp-proxy.ts";
import { run } from "../../../src/testing/servers/run.ts";

// The first run gets a model of 93 MB; and other tests may take the processor.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 900_000 });

interface Said {
  readonly reuse: {
    readonly status: string;
    readonly reusedTokens: number;
    readonly tier?: string;
  };
  readonly likeliest: number;
  readonly logit: number;
}

const program = fileURLToPath(new URL("other-process.ts", import.meta.url));
const tokens = 130;

let server: RunningKeepwarm;
beforeAll(async () => {
  server = await startKeepwarm({ args: ["--ram-size", "64MiB"] });
});
afterAll(() => server.stop());

async function evaluate(): Promise<Said> {
  const args = ["--import", "tsx", program, server.url, String(tokens)];
  const { code, stdout, stderr } = await run(process.execPath, args);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Said;
}

async function blocksOf(store: ValkeyStore): Promise<number> {
  let count = 0;
  for await (const { bytes } of store.scan()) if (bytes > 10_000) count++;
  return count;
}

async function scratchFiles(): Promise<string[]> {
  const names = await readdir("/dev/shm").catch(() => []);
  return names.filter((name) => name.startsWith("keepwarm-state-"));
}

test("what a killed process had stored is used, and what one stores another restores", async () => {
  const before = await scratchFiles();
  const proxy = await TcpProxy.start({ host: server.host, port: server.port });
  // Two seconds and more for three megabytes: time to be killed in.
  proxy.behaviour = { bytesPerSecond: 300_000 };
  const url = `redis://127.0.0.1:${proxy.port}`;
  const child = spawn(process.execPath, ["--import", "tsx", program, url, `${tokens}`, "hold"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exited = once(child, "exit");
  const store = new ValkeyStore({ url: server.url, format: "raw" });
  await expect.poll(() => blocksOf(store), { timeout: 60_000 }).toBeGreaterThan(0);
  child.kill("SIGKILL");
  await exited;
  // What is still under way must not arrive: of two who evaluate in other pieces, each has its own last bits.
  await proxy[Symbol.asyncDispose]();
  const left = await blocksOf(store);
  expect(left).toBeLessThan(Math.floor(tokens / 16));

  const first = await evaluate();
  expect(["MISS", "PARTIAL"]).toContain(first.reuse.status);
  expect(first.reuse.reusedTokens % 16).toBe(0);

  const second = await evaluate();
  expect(second.reuse).toMatchObject({ status: "HIT", reusedTokens: tokens - 1, tier: "valkey" });
  expect(second.likeliest).toBe(first.likeliest);
  expect(second.logit).toBe(first.logit);
  await store.close();
  expect(await scratchFiles()).toEqual(before);
});
