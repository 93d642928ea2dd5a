import { expect, test } from "vitest";
import { ExitCode } from "../../src/cli/exit-code.ts";
import { type RunningKeepwarm, startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { Bystander, MIB, Peer, encode, pattern } from "./support/peer.ts";

const value = pattern(MIB, 8);
const request = encode("SET", "k", value);
const HALF = 500_000;

function start(...args: string[]): Promise<RunningKeepwarm> {
  return startKeepwarm({ args: ["--ram-size", "64MiB", ...args] });
}

/** A client in the middle of a SET of 1 MiB, of which the server knows. */
async function halfway(port: number): Promise<Peer> {
  const peer = new Peer(port);
  await peer.deliver(request.subarray(0, HALF));
  const observer = new Peer(port);
  await expect
    .poll(() => {
      observer.send("INFO");
      return Number(/.*inflight_bytes:(\d+)/s.exec(observer.text)?.[1] ?? 0);
    })
    .toBeGreaterThan(MIB);
  observer.destroy();
  return peer;
}

/** Waits until nobody listens on `port` any more. */
async function untilRefused(port: number): Promise<void> {
  await expect
    .poll(async () => {
      const peer = new Peer(port);
      await expect.poll(() => peer.closed || !peer.socket.connecting, { interval: 1 }).toBe(true);
      const refused = peer.closed;
      peer.destroy();
      return refused;
    })
    .toBe(true);
}

test("SIGTERM: no new clients, idle ones are let go, a SET under way is finished, exit code 0", async () => {
  await using server = await start();
  const idle = new Peer(server.port);
  idle.send("PING");
  await idle.take(7);
  const busy = await halfway(server.port);
  server.process.kill("SIGTERM");
  await idle.untilEnded();
  await untilRefused(server.port);
  busy.write(request.subarray(HALF));
  expect((await busy.take(5)).toString()).toBe("+OK\r\n");
  await busy.untilEnded();
  busy.destroy();
  idle.destroy();
  expect(await server.process.exited).toEqual({ code: ExitCode.ok, signal: null });
});

test("SIGTERM: replies under way are sent to their end", async () => {
  await using server = await start();
  const large = pattern(16 * MIB, 2);
  const peer = new Peer(server.port);
  peer.send("SET", "large", large);
  await peer.take(5);
  peer.socket.pause();
  await peer.deliver(encode("GET", "large"));
  await expect.poll(() => peer.socket.readableLength).toBeGreaterThan(0);
  server.process.kill("SIGTERM");
  await untilRefused(server.port);
  const resumedAt = performance.now();
  peer.socket.resume();
  const header = `$${large.length}\r\n`;
  const reply = await peer.take(header.length + large.length + 2);
  expect(reply.subarray(header.length, -2).equals(large)).toBe(true);
  await peer.untilEnded();
  // Once they are sent; not when the time for stragglers is over.
  expect(performance.now() - resumedAt).toBeLessThan(1000);
  peer.destroy();
  expect(await server.process.exited).toEqual({ code: ExitCode.ok, signal: null });
});

test("SIGTERM: who neither finishes nor leaves is cut off", async () => {
  await using server = await start();
  const half = await halfway(server.port);
  const stubborn = new Peer(server.port);
  stubborn.send("PING");
  await stubborn.take(7);
  server.process.kill("SIGTERM");
  expect(await server.process.exited).toEqual({ code: ExitCode.ok, signal: null });
  await half.untilEnded();
  await stubborn.untilEnded();
  expect(half.text).toBe("");
  half.destroy();
  stubborn.destroy();
});

test("a second SIGTERM ends the process at once", async () => {
  await using server = await start();
  const half = await halfway(server.port);
  server.process.kill("SIGTERM");
  await untilRefused(server.port);
  server.process.kill("SIGTERM");
  expect(await server.process.exited).toEqual({ code: ExitCode.interrupted, signal: null });
  half.destroy();
});

test("SIGKILL: clients see the end, and a new server listens on the port at once", async () => {
  const first = await start();
  const { port } = first;
  const half = await halfway(port);
  const idle = new Peer(port);
  idle.send("PING");
  await idle.take(7);
  first.process.kill("SIGKILL");
  expect(await first.process.exited).toEqual({ code: null, signal: "SIGKILL" });
  await half.untilEnded();
  await idle.untilEnded();
  await using second = await start("--resp-port", String(port));
  expect(second.port).toBe(port);
  const reader = new Peer(port);
  reader.send("GET", "k");
  expect((await reader.take(5)).toString()).toBe("$-1\r\n");
  const bystander = new Bystander(port);
  await bystander.check();
  bystander.close();
  for (const peer of [half, idle, reader]) peer.destroy();
});

test("a second server on the same port says so and how to go on; the first is unharmed", async () => {
  await using server = await start();
  const second = start("--resp-port", String(server.port));
  await expect(second).rejects.toThrow(
    new RegExp(`port ${server.port} on 127\\.0\\.0\\.1 is taken[^]*--resp-port`),
  );
  const bystander = new Bystander(server.port);
  await bystander.check();
  bystander.close();
});
