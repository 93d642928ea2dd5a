import assert from "node:assert/strict";

import { freePort } from "../../src/testing/servers/free-port.ts";
import { pollUntil } from "../../src/testing/servers/poll.ts";
import { ServerProcess } from "../../src/testing/servers/process.ts";
import { run } from "../../src/testing/servers/run.ts";
import { withConnection } from "../../src/testing/servers/with-connection.ts";

/** Prompts that `lmcache bench server` stores and reads back, and chunks of each. */
const [prompts, chunks] = [3, 2];

/**
 * Stores prompts through an `lmcache server`, then asks a second one for them that has nothing in memory: all
 * it finds comes from the store.
 *
 * @param adapter what its `--l2-adapter` takes
 * @param url of the store, which has to be empty
 */
export async function checkMpServer(
  interpreter: string,
  adapter: string,
  url: string,
): Promise<void> {
  const first = await benchServer(interpreter, adapter, () => isStored(url));
  assert.deepEqual(first.found, [0, 0, 0]);
  assert.equal(first.matches, prompts, "LMCache has read something else than it has stored");
  const second = await benchServer(interpreter, adapter);
  assert.deepEqual(second.found, [chunks, chunks, chunks]);
  assert.deepEqual(second.checksums, first.checksums);
}

interface Bench {
  /** Chunks that the server has found of each prompt before it was stored. */
  readonly found: readonly number[];
  /** Of what was read last of each prompt. */
  readonly checksums: readonly string[];
  /** Prompts that were read as they were stored. */
  readonly matches: number;
}

/** Starts a server, and LMCache's bench with it; `until` is waited for before it ends. */
async function benchServer(
  interpreter: string,
  adapter: string,
  until?: () => Promise<boolean>,
): Promise<Bench> {
  const [rpc, http, metrics] = [await freePort(), await freePort(), await freePort()];
  const memory = ["--l1-size-gb", "0.5", "--l1-init-size-gb", "1", "--eviction-policy", "LRU"];
  const addresses = ["--host", "127.0.0.1", "--port", String(rpc), "--http-host", "127.0.0.1"];
  const ports = ["--http-port", String(http), "--prometheus-port", String(metrics)];
  const transfer = ["--supported-transfer-mode", "engine_driven", "--l2-adapter", adapter];
  const cli = ["-m", "lmcache.cli.main"];
  const server = new ServerProcess(
    "lmcache server",
    { path: interpreter, env: process.env },
    { args: [...cli, "server", ...addresses, ...ports, ...memory, ...transfer] },
  );
  try {
    await server.until(async () => server.log.includes("Uvicorn running on") || undefined, 120_000);
    const urls = ["--rpc-url", `tcp://127.0.0.1:${rpc}`, "--url", `http://127.0.0.1:${http}`];
    const load = ["--mode", "cpu", "--transfer-mode", "engine_driven"];
    const size = ["--num-tokens", String(256 * chunks), "--end", String(prompts)];
    const { code, stdout, stderr } = await run(
      interpreter,
      [...cli, "bench", "server", ...urls, ...load, ...size],
      { timeoutMs: 120_000 },
    );
    assert.equal(code, 0, stderr);
    if (until) await pollUntil("all is in the store", until, 60_000);
    const all = (pattern: RegExp) => [...stdout.matchAll(pattern)].map(([, text]) => text);
    return {
      found: all(/\/cold\] LOOKUP: (\d+)\//g).map(Number),
      checksums: all(/\/warm\] CHECKSUM: (\w+)/g),
      matches: all(/(CHECKSUM MATCH OK)/g).length,
    };
  } finally {
    await server.stop();
  }
}

function isStored(url: string): Promise<boolean> {
  return withConnection(
    url,
    async (connection) => Number(await connection.command(["DBSIZE"])) === prompts * chunks,
  );
}
