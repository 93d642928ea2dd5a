import assert from "node:assert/strict";
import net from "node:net";

import { LmStore } from "../../src/backends/lm/lm-store.ts";
import type { BlockStore, CallOptions } from "../../src/store/contract.ts";
import { describeBlockStore } from "../../src/testing/contract-suite.ts";
import { freePort } from "../../src/testing/servers/free-port.ts";
import { startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { ServerProcess } from "../../src/testing/servers/process.ts";
import { pattern } from "../faults/support/peer.ts";
import { attempt } from "./attempt.ts";
import { needsKeepwarm, pythonScript, withLmcache } from "./lmcache-versions.ts";
import type { Check, Peer, PeerContext } from "./peer.ts";
import { runChecks } from "./python-checks.ts";

const script = pythonScript("lmcache_blocks.py");

/** The blocks that the script knows too: LMCache's layout KV_2LTD in bfloat16. */
const blocks = [
  { hash: 0x1001, layers: 2, tokens: 256, hidden: 64 },
  { hash: 0x1002, layers: 4, tokens: 256, hidden: 512 },
  { hash: 0x1003, layers: 32, tokens: 256, hidden: 1024 },
].map(({ hash, layers, tokens, hidden }, index) => ({
  key: `org/model@8@0@${hash.toString(16)}@bfloat16`,
  description: { format: 1, dtype: 3, shape: [2, layers, tokens, hidden] } as const,
  value: pattern(2 * layers * tokens * hidden * 2, index),
}));

/** LMCache's own lm:// connector against Keepwarm, and Keepwarm's against LMCache's own server. */
export const lmcacheLm: Peer = {
  summary: "LMCache's lm:// connector with Keepwarm's server, and LmStore with lmcache_server",
  async *run(context: PeerContext): AsyncIterable<Check> {
    needsKeepwarm(context.target, "does not serve lm://");
    yield* withLmcache(context, "lm://", {}, async function* ({ version, interpreter }) {
      context.progress(`LMCache ${version}, client`);
      yield* checkFront(`LMCache ${version} client`, interpreter);
      context.progress(`LMCache ${version}, server`);
      yield* checkBackend(`LMCache ${version} server`, interpreter);
    });
  },
};

async function* checkFront(variant: string, interpreter: string): AsyncIterable<Check> {
  await using server = await startKeepwarm({
    args: ["--lm-port", "0", "--ram-size", "2GiB"],
  });
  const lm = String(server.ready["lm"]);
  const python = (mode: string) => ["-B", script, mode, lm];
  const connector = ["-B", pythonScript("lmcache_connector.py"), "LMCServerConnector", lm, "{}"];
  yield* runChecks(variant, interpreter, connector);
  yield* runChecks(variant, interpreter, python("write"));
  yield* readBlocks(variant, lm);
  yield* writeBlocks(variant, lm);
  yield* runChecks(variant, interpreter, python("read"));
}

async function* checkBackend(variant: string, interpreter: string): AsyncIterable<Check> {
  const server = await startLmcacheServer(interpreter);
  try {
    const python = (mode: string) => ["-B", script, mode, server.url];
    yield* runChecks(variant, interpreter, python("write"));
    yield* readBlocks(variant, server.url);
    yield* writeBlocks(variant, server.url);
    yield* runChecks(variant, interpreter, python("read"));
    yield* runContract(variant, server.url);
    yield await attempt(variant, "8 blocks of 32 MiB at once, twice", () => manyLarge(server.url));
  } finally {
    await server.process.stop();
  }
  yield await attempt(variant, "LmStore outlives a killed server", () => survive(interpreter));
}

async function* readBlocks(variant: string, url: string): AsyncIterable<Check> {
  yield await attempt(variant, "LmStore reads what LMCache has stored", async () => {
    await using store = opened({ url });
    assert.equal(await store.match([...blocks.map(({ key }) => key), "none@1@0@1@half"]), 3);
    const found = await store.get(blocks.map(({ key }) => key));
    for (const [index, { value }] of blocks.entries()) {
      assert.ok(found[index] && value.equals(found[index].bytes), `block ${index} differs`);
      found[index].release();
    }
  });
}

async function* writeBlocks(variant: string, url: string): AsyncIterable<Check> {
  yield await attempt(variant, "LmStore stores what LMCache is to read", async () => {
    for (const { key, description, value } of blocks) {
      await using store = opened({ url, description });
      assert.equal(await store.delete([key]), 1);
      assert.deepEqual(await store.get([key]), [undefined]);
      assert.deepEqual(await store.put([{ key, value }]), [{ status: "stored" }]);
    }
  });
}

async function* runContract(variant: string, url: string): AsyncIterable<Check> {
  const tests: { title: string; body: () => Promise<void> }[] = [];
  let round = 0;
  describeBlockStore(
    "LmStore",
    {
      describe: (_, body) => body(),
      it: (title, body) => tests.push({ title, body }),
    },
    // One server for all: each test has keyspaces of its own.
    async () => ({
      store: shifted(new LmStore({ url, maxBlockBytes: 8 * 1024 ** 2 }), round++ * 4),
    }),
  );
  for (const { title, body } of tests) yield await attempt(variant, `LmStore ${title}`, body);
}

/** The same store with other keyspaces. */
function shifted(store: LmStore, by: number): BlockStore {
  const shift = <T extends CallOptions>(options?: T): T =>
    ({ ...options, keyspace: (options?.keyspace ?? 0) + by + 1 }) as T;
  return {
    name: store.name,
    capabilities: store.capabilities,
    get: (keys, options) => store.get(keys, shift(options)),
    put: (entries, options) => store.put(entries, shift(options)),
    match: (keys, options) => store.match(keys, shift(options)),
    has: (keys, options) => store.has(keys, shift(options)),
    delete: (keys, options) => store.delete(keys, shift(options)),
    scan: () => store.scan(),
    stats: () => store.stats(),
    close: () => store.close(),
  };
}

async function manyLarge(url: string): Promise<void> {
  await using store = opened({ url, deadlineMs: 60_000 });
  const values = Array.from({ length: 8 }, (_, index) => pattern(32 * 1024 ** 2, index));
  for (let round = 0; round < 2; round++) {
    const entries = values.map((value, index) => ({ key: `large-${index}`, value }));
    const outcomes = await store.put(entries);
    for (const { status } of outcomes) assert.equal(status, "stored");
    const found = await store.get(entries.map(({ key }) => key));
    for (const [index, block] of found.entries()) {
      assert.ok(block && values[index].equals(block.bytes), `block ${index} differs`);
      block.release();
    }
  }
}

async function survive(interpreter: string): Promise<void> {
  const server = await startLmcacheServer(interpreter);
  await using store = opened({ url: server.url });
  await store.put([{ key: "k", value: Buffer.from("v") }]);
  server.process.kill("SIGKILL");
  await server.process.exited;
  await store.get(["k"]);
  const began = performance.now();
  for (let round = 0; round < 100; round++) assert.deepEqual(await store.get(["k"]), [undefined]);
  assert.ok(performance.now() - began < 500, "calls to a dead server take time");
}

interface LmcacheServer {
  readonly url: string;
  readonly port: number;
  readonly process: ServerProcess;
}

/** Starts LMCache's own server on loopback and waits until it takes connections. */
async function startLmcacheServer(interpreter: string): Promise<LmcacheServer> {
  const port = await freePort();
  const process = new ServerProcess(
    "lmcache_server",
    { path: interpreter, env: globalThis.process.env },
    { args: ["-m", "lmcache.v1.server", "127.0.0.1", String(port), "cpu"] },
  );
  try {
    await process.until(() => accepts(port), 60_000);
  } catch (error) {
    await process.stop();
    throw error;
  }
  return { url: `lm://127.0.0.1:${port}`, port, process };
}

function accepts(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(undefined));
  });
}

function opened(options: ConstructorParameters<typeof LmStore>[0]): LmStore & AsyncDisposable {
  const store = new LmStore(options);
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}
