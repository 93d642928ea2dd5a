import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TcpProxy } from "../../src/testing/tcp-proxy.ts";

let server: Server;
let proxy: TcpProxy;
beforeEach(async () => {
  server = createServer((socket) => {
    socket.on("error", () => {}); // it is reset
    socket.pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  proxy = await TcpProxy.start({ host: "127.0.0.1", port });
});
afterEach(async () => {
  await proxy.close();
  server.close();
});

async function client(): Promise<Socket> {
  const socket = connect(proxy.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Sends bytes and waits for their echo. */
async function echo(bytes: Buffer): Promise<Buffer> {
  const socket = await client();
  socket.end(bytes);
  return buffer(socket);
}

test("passes everything on, whatever its length", async () => {
  const bytes = Buffer.alloc(3_000_000, "0123456789");
  expect(bytes.equals(await echo(bytes))).toBe(true);
});

test("is late, slow, or changes what comes back", async () => {
  const began = performance.now();
  proxy.behaviour = { latencyMs: 40 };
  await echo(Buffer.from("late"));
  expect(performance.now() - began).toBeGreaterThan(75);
  proxy.behaviour = { bytesPerSecond: 1_000_000 };
  const slow = performance.now();
  await echo(Buffer.alloc(100_000));
  expect(performance.now() - slow).toBeGreaterThan(90);
  proxy.behaviour = { alter: (chunk) => Buffer.from(chunk.toString().toUpperCase()) };
  expect(String(await echo(Buffer.from("shout")))).toBe("SHOUT");
});

test("lets nothing through, and what waited when it is over", async () => {
  proxy.behaviour = { blackHole: true };
  const socket = await client();
  socket.write("hello");
  const answer = once(socket, "data");
  const silence = new Promise((resolve) => setTimeout(resolve, 50, "silence"));
  expect(await Promise.race([answer, silence])).toBe("silence");
  proxy.behaviour = {};
  expect(String((await answer)[0])).toBe("hello");
  socket.destroy();
});

test("resets, half-closes and refuses connections", async () => {
  const first = await client();
  const reset = once(first, "error");
  await expect.poll(() => proxy.open).toBe(1);
  proxy.reset();
  expect((await reset)[0]).toMatchObject({ code: "ECONNRESET" });
  const second = await client();
  await expect.poll(() => proxy.open).toBe(1);
  const ended = once(second.resume(), "end");
  proxy.halfClose();
  await ended;
  second.destroy();
  await proxy.refuse();
  const refused = connect(proxy.port, "127.0.0.1");
  expect((await once(refused, "error"))[0]).toMatchObject({ code: "ECONNREFUSED" });
  await proxy.accept();
  expect(String(await echo(Buffer.from("again")))).toBe("again");
});
