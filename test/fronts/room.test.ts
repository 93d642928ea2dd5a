import { once } from "node:events";
import net from "node:net";
import { afterEach, expect, test } from "vitest";
import { RespServer } from "../../src/fronts/resp/server.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import { TierChain } from "../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../src/tiers/ram/ram-tier.ts";
import { pseudoRandomBytes } from "../support/bytes.ts";

const MIB = 1024 ** 2;
let server: RespServer;

afterEach(() => server.close(0));

async function start(roomWaitMs: number): Promise<RamTier> {
  const ram = new RamTier({ capacityBytes: 8 * MIB });
  const limits = { roomWaitMs };
  const tiers = new TierChain({ ram });
  server = await RespServer.listen({
    tiers,
    version: "test",
    logger: silentLogger,
    port: 0,
    limits,
  });
  return ram;
}

class Client {
  readonly socket = net.connect({ port: server.state.port, host: "127.0.0.1", noDelay: true });
  received = "";

  constructor() {
    this.socket.on("data", (chunk: Buffer) => (this.received += chunk.toString("latin1")));
  }

  announce(key: string, length: number): void {
    this.socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${length}\r\n`);
  }

  finish(length: number): void {
    this.socket.write(Buffer.concat([Buffer.alloc(length, 7), Buffer.from("\r\n")]));
  }
}

test("a value waits for the memory that others have announced, and gets it when they are done", async () => {
  const ram = await start(60_000);
  const first = new Client();
  const second = new Client();
  first.announce("first", 3 * MIB);
  await expect.poll(() => ram.fillingBytes).toBeGreaterThan(3 * MIB);
  second.announce("second", 3 * MIB);
  second.finish(3 * MIB);
  await expect.poll(() => server.state.waiting.size).toBe(1);
  expect(second.received).toBe("");
  first.finish(3 * MIB);
  await expect.poll(() => second.received).toBe("+OK\r\n");
  expect(first.received).toBe("+OK\r\n");
  expect(server.state.waiting.size).toBe(0);
  expect(server.state.valuesDropped).toBe(0);
  expect(ram.fillingBytes).toBe(0);
  first.socket.destroy();
  second.socket.destroy();
});

test("a value that waits gets the memory of a client that goes away", async () => {
  const ram = await start(60_000);
  const first = new Client();
  const second = new Client();
  first.announce("first", 3 * MIB);
  await expect.poll(() => ram.fillingBytes).toBeGreaterThan(3 * MIB);
  second.announce("second", 3 * MIB);
  second.finish(3 * MIB);
  await expect.poll(() => server.state.waiting.size).toBe(1);
  first.socket.destroy();
  await expect.poll(() => second.received).toBe("+OK\r\n");
  expect(ram.entries.count).toBe(1);
  second.socket.destroy();
});

test("a value that waited in vain is dropped and counted; the connection goes on", async () => {
  const ram = await start(0);
  const first = new Client();
  const second = new Client();
  first.announce("first", 3 * MIB);
  await expect.poll(() => ram.fillingBytes).toBeGreaterThan(3 * MIB);
  second.announce("second", 3 * MIB);
  second.finish(3 * MIB);
  second.socket.write("GET second\r\nPING\r\n");
  await expect.poll(() => second.received).toBe("+OK\r\n$-1\r\n+PONG\r\n");
  expect(server.state.valuesDropped).toBe(1);
  expect(ram.counters.rejected).toBe(1);
  first.finish(3 * MIB);
  await expect.poll(() => first.received).toBe("+OK\r\n");
  first.socket.destroy();
  second.socket.destroy();
});

test("what can never fit is an error that says why, and the connection goes on", async () => {
  const ram = await start(60_000);
  const client = new Client();
  client.announce("k", 5 * MIB);
  client.finish(5 * MIB);
  client.socket.write("PING\r\n");
  await expect.poll(() => client.received).toMatch(/^-ERR .*5 MiB.*max-value.*\r\n\+PONG\r\n$/);
  expect(ram.entries.count).toBe(0);
  expect(ram.fillingBytes).toBe(0);
  client.socket.destroy();
});

test("a browser that was sent here gets no answer", async () => {
  await start(0);
  const client = new Client();
  client.socket.write("POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a b\r\n");
  await once(client.socket, "close");
  expect(client.received).toBe("");
});

test("a value that waited keeps all its bytes", async () => {
  const ram = await start(60_000);
  const first = new Client();
  const second = new Client();
  first.announce("first", 3 * MIB);
  await expect.poll(() => ram.fillingBytes).toBeGreaterThan(3 * MIB);
  const value = pseudoRandomBytes(3 * MIB);
  second.announce("second", value.length);
  second.socket.write(value);
  second.socket.write("\r\n");
  await expect.poll(() => server.state.waiting.size).toBe(1);
  first.finish(3 * MIB);
  await expect.poll(() => second.received).toBe("+OK\r\n");
  const entry = ram.find(Buffer.from("second"), 0, 6, 0);
  expect(ram.slots.value(ram.entries.slot(entry)).equals(value)).toBe(true);
  first.socket.destroy();
  second.socket.destroy();
});
