import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { isKeepwarmError } from "../../../src/errors.ts";
import { MetricsChannel } from "../../../src/metrics-channel/channel/metrics-channel.ts";
import type { MetricsChannelOptions } from "../../../src/metrics-channel/channel/options.ts";
import { freePort } from "../../../src/testing/servers/free-port.ts";
import { pollUntil } from "../../../src/testing/servers/poll.ts";
import { ServerProcess } from "../../../src/testing/servers/process.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../../src/testing/servers/running-server.ts";
import { withConnection } from "../../../src/testing/servers/with-connection.ts";
import { TcpProxy } from "../../../src/testing/tcp-proxy.ts";

function open(options: MetricsChannelOptions): MetricsChannel {
  const channel = new MetricsChannel({ deadlineMs: 300, ...options });
  onTestFinished(() => channel.close());
  return channel;
}

async function startServer(port?: number): Promise<RunningServer> {
  const server = await startRedisServer(port === undefined ? {} : { port });
  onTestFinished(async () => void (await server.stop()));
  return server;
}

const causes = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

it("counts what a server that is not there does not take, and holds nobody up", async () => {
  const channel = open({ url: `redis://127.0.0.1:${await freePort()}` });
  const began = performance.now();
  for (let step = 0; step < 10_000; step++) channel.push("a", { step, norm: 1 });
  channel.finish("a", 10_000);
  await channel.flush();
  expect(performance.now() - began).toBeLessThan(2000);
  expect(channel.stats()).toMatchObject({ pushed: 0, failed: 10_000, waiting: 0 });
  expect(channel.stats().lastError).toMatch(/127\.0\.0\.1/);
  expect(isKeepwarmError(await causes(channel.drain("a")), "CONNECTION_FAILED")).toBe(true);
  expect(await channel.pushList("b", [{ step: 0 }])).toBe(false);
});

it("gives up what waits beyond its limit while a server hangs, and goes on with it afterwards", async () => {
  const server = await startServer();
  const channel = open({ url: server.url, queueSamples: 2000 });
  channel.push("a", { step: 0, norm: 1 });
  await channel.flush();
  server.process.kill("SIGSTOP");
  const began = performance.now();
  for (let step = 1; step <= 5000; step++) channel.push("a", { step, norm: 1 });
  expect(channel.stats()).toMatchObject({ waiting: 2000, dropped: 3000 });
  await channel.flush();
  expect(performance.now() - began).toBeLessThan(2500);
  expect(channel.stats()).toMatchObject({ pushed: 1, failed: 2000, waiting: 0 });
  const refused = await causes(channel.drain("a"));
  expect(isKeepwarmError(refused)).toBe(true);
  server.process.kill("SIGCONT");
  await pollUntil("a sample goes through again", async () => {
    channel.push("b", { step: 0, norm: 1 });
    await channel.flush();
    return channel.stats().pushed > 1;
  });
});

it("goes on when a server that was killed is there again", async () => {
  const first = await startServer();
  const channel = open({ url: first.url });
  channel.push("a", { step: 0 });
  await channel.flush();
  first.process.kill("SIGKILL");
  await first.process.exited;
  channel.push("a", { step: 1 });
  await channel.flush();
  expect(channel.stats()).toMatchObject({ pushed: 1, failed: 1 });
  await startServer(first.port);
  await pollUntil("the server is used again", async () => {
    channel.push("a", { step: 2 });
    await channel.flush();
    return channel.stats().pushed > 1;
  });
  expect(await channel.drain("a", { expected: 3 })).toMatchObject({ missing: [0, 1] });
});

it("loses nothing when the connection breaks after a drain was carried out", async () => {
  const server = await startServer();
  await using proxy = await TcpProxy.start(server);
  const channel = open({ url: `redis://127.0.0.1:${proxy.port}`, deadlineMs: 5000 });
  for (let step = 0; step < 50; step++) channel.push("a", { step, norm: step });
  await channel.flush();
  let cut = 0;
  proxy.behaviour = {
    alter(chunk) {
      if (cut++ > 0) return chunk;
      proxy.reset();
      return Buffer.alloc(0);
    },
  };
  const { samples, complete } = await channel.drain("a", { expected: 50 });
  expect(cut).toBeGreaterThan(1);
  expect(complete).toBe(true);
  expect(samples.map(({ norm }) => norm)).toEqual(Array.from({ length: 50 }, (_, step) => step));
  proxy.behaviour = {};
});

it("writes no sample twice when the connection breaks before the answer", async () => {
  const server = await startServer();
  await using proxy = await TcpProxy.start(server);
  const channel = open({ url: `redis://127.0.0.1:${proxy.port}`, deadlineMs: 5000 });
  let cut = 0;
  proxy.behaviour = {
    alter(chunk) {
      if (!chunk.includes("*") || cut++ > 0) return chunk;
      proxy.reset();
      return Buffer.alloc(0);
    },
  };
  for (let step = 0; step < 20; step++) channel.push("a", { step, norm: step });
  await channel.flush();
  expect(channel.stats()).toMatchObject({ pushed: 20, failed: 0, duplicates: 20 });
  expect((await channel.drain("a", { expected: 20 })).complete).toBe(true);
});

it("flushes what was pushed before, while others go on", async () => {
  const server = await startServer();
  const channel = open({ url: server.url });
  let flushed = false;
  const pushing = (async () => {
    for (let step = 0; !flushed || step < 100; step++) {
      channel.push("other", { step, norm: 1 });
      await new Promise(setImmediate);
    }
  })();
  channel.push("own", { step: 0, norm: 1 });
  await channel.flush();
  flushed = true;
  expect((await channel.drain("own", { expected: 1 })).complete).toBe(true);
  await pushing;
});

it("gathers what comes while the server has not answered", async () => {
  const server = await startServer();
  await using proxy = await TcpProxy.start(server);
  const channel = open({ url: `redis://127.0.0.1:${proxy.port}`, deadlineMs: 5000 });
  channel.push("a", { step: 0 });
  await channel.flush();
  let answers = 0;
  proxy.behaviour = {
    latencyMs: 50,
    alter(chunk) {
      answers += chunk.toString("latin1").split("+QUEUED").length - 1;
      return chunk;
    },
  };
  for (let step = 1; step <= 40; step++) {
    channel.push("a", { step });
    await new Promise(setImmediate);
  }
  await channel.flush();
  // Two commands a transaction: one for the first step, one for all others, and one more at most.
  expect(answers).toBeLessThanOrEqual(6);
  expect((await channel.drain("a", { expected: 41 })).complete).toBe(true);
});

it("counts fields that are no samples, and a key that is no hash", async () => {
  const server = await startServer();
  const channel = open({ url: server.url, namespace: "odd", run: "r" });
  channel.push("a", { step: 0, norm: 1 });
  await channel.flush();
  await withConnection(server.url, async (connection) => {
    const key = "odd:metrics:{r}:a";
    const step3 = await connection.command(["HGET", key, "0"]);
    await connection.command(["HSET", key, "1", "x", "2", step3 as Buffer, "count", "1e400"]);
    await connection.command(["SET", "odd:metrics:{r}:b", "x"]);
  });
  const drained = await channel.drain("a");
  expect(drained).toMatchObject({ samples: [{ step: 0 }], expected: undefined, complete: false });
  expect(channel.stats().damaged).toBe(2);
  channel.push("b", { step: 0, norm: 1 });
  await channel.flush();
  expect(channel.stats()).toMatchObject({ pushed: 1, failed: 1 });
  expect(channel.stats().lastError).toMatch(/WRONGTYPE/);
  expect(isKeepwarmError(await causes(channel.drain("b")), "REPLY")).toBe(true);
});

it("does not count to a number that a lying server names", async () => {
  const server = await startServer();
  const channel = open({ url: server.url, namespace: "lie", run: "r" });
  channel.push("a", { step: 0, norm: 1 });
  channel.finish("a", 2 ** 32);
  await channel.flush();
  const began = performance.now();
  const { missing, complete } = await channel.drain("a");
  expect(missing).toHaveLength(100_000);
  expect(complete).toBe(false);
  expect(channel.stats().gaps).toBe(2 ** 32 - 1);
  expect(performance.now() - began).toBeLessThan(1000);
});

it("stops following when asked to, and when nothing comes", async () => {
  const server = await startServer();
  const channel = open({ url: server.url });
  const seen: number[] = [];
  const abort = new AbortController();
  const following = (async () => {
    for await (const { step } of channel.follow("a", { signal: abort.signal })) seen.push(step);
  })();
  channel.push("a", { step: 0 });
  await pollUntil("the first", async () => seen.length === 1);
  abort.abort(new Error("enough"));
  await expect(following).rejects.toThrow("enough");
  const live = channel.follow("b", { idleMs: 30, expected: 2 });
  for await (const { step } of live) seen.push(step);
  expect(live.missing).toEqual([0, 1]);
});

it("leaves nothing behind when a writer is killed", async () => {
  const server = await startServer();
  const program = fileURLToPath(new URL("pushing-process.ts", import.meta.url));
  for (let round = 0; round < 3; round++) {
    let pushing = false;
    const writer = new ServerProcess(
      "writer",
      { path: process.execPath, env: process.env },
      {
        args: ["--import", "tsx", program, server.url],
        onLine: () => (pushing = true),
      },
    );
    await writer.until(async () => (pushing ? true : undefined));
    writer.kill("SIGKILL");
    await writer.exited;
    await withConnection(server.url, async (connection) => {
      const keys = (await connection.command(["KEYS", "killed:*"])) as Buffer[];
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) {
        const left = Number(await connection.command(["PTTL", key]));
        expect(left === -2 || (left > 0 && left <= 2000), `${left}`).toBe(true);
      }
      await pollUntil("all has expired", async () => (await connection.command(["DBSIZE"])) === 0);
    });
  }
});
