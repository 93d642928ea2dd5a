import { expect, test } from "vitest";
import type { RespServerOptions } from "../../src/fronts/resp/options.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { startFront } from "../support/front.ts";

const MIB = 1024 ** 2;

test("beyond the most clients one more is told so and closed, until another leaves", async () => {
  const front = await startFront({ limits: { clients: 2 } });
  const [first] = [await front.client(), await front.client()];
  expect(await first.ask("PING")).toBe("PONG");
  const third = await front.client();
  await third.exact("-ERR max number of clients reached\r\n");
  await third.ended();
  expect(front.server.state.connectionsRejected).toBe(1);
  first.close();
  await expect.poll(() => front.server.state.sessions.size).toBe(1);
  expect(await (await front.client()).ask("PING")).toBe("PONG");
});

test("a value may have the length of the limit and not a byte more", async () => {
  for (const valueBytes of [10_000, 500_000]) {
    const front = await startFront({ limits: { valueBytes } });
    const client = await front.client();
    expect(await client.ask("SET", "k", Buffer.alloc(valueBytes, 1))).toBe("OK");
    const longer = Buffer.alloc(valueBytes + 1, 2);
    for (const words of [
      ["SET", "k", longer],
      ["SETEX", "k", 10, longer],
      ["MSET", "k", longer],
      ["GETSET", "other", longer],
    ] satisfies [string, ...(string | number | Buffer)[]][]) {
      expect([words[0], words[1], await client.refusal(...words)]).toEqual([
        words[0],
        words[1],
        expect.stringMatching(/too long.*max-value/),
      ]);
    }
    expect(await client.ask("STRLEN", "k")).toBe(valueBytes);
    expect(await client.ask("EXISTS", "other")).toBe(0);
    expect(await client.ask("CONFIG", "GET", "proto-max-bulk-len")).toContain(String(valueBytes));
    expect(await front.leftReserved()).toBe(0);
  }
});

test("no more than half of the tier goes to one value", async () => {
  const front = await startFront();
  const client = await front.client();
  const longest = front.server.state.maxValueBytes;
  expect(longest).toBeLessThanOrEqual(8 * MIB);
  expect(longest).toBeGreaterThan(7 * MIB);
  expect(await client.ask("SET", "k", Buffer.alloc(longest))).toBe("OK");
  expect(await client.refusal("SET", "k", Buffer.alloc(longest + 1))).toMatch(/half of ram-size/);
  expect(await client.ask("STRLEN", "k")).toBe(longest);
});

test("what is no value may take only the bytes of a request", async () => {
  const front = await startFront({ limits: { requestBytes: 100_000 } });
  const client = await front.client();
  expect(await client.ask("ECHO", "x".repeat(90_000))).toHaveLength(90_000);
  expect(await client.refusal("ECHO", "x".repeat(110_000))).toMatch(/too long/);
  expect(await client.refusal("RPUSH", "list", "x".repeat(300_000))).toMatch(/too long/);
  expect(await client.ask("SET", "k", Buffer.alloc(MIB))).toBe("OK");
  client.send("MGET", ...Array.from({ length: 100_000 }, () => "0123456789"));
  await client.exact("-ERR Protocol error: request too big\r\n");
  await client.ended();
});

test("a client that reads slowly holds a bounded share of memory, and misses nothing", async () => {
  const outputBytes = 2 * MIB;
  const front = await startFront({ limits: { outputBytes } });
  const [slow, other] = [await front.client(), await front.client()];
  const value = Buffer.alloc(MIB, 7);
  await slow.ask("SET", "k", value);
  slow.socket.pause();
  for (let i = 0; i < 40; i++) slow.send("GET", "k");
  const held = async (): Promise<number> => {
    const line = (await other.ask("CLIENT", "LIST", "ID", 1)) as string;
    return Number(/ omem=(\d+)/.exec(line)![1]);
  };
  await expect.poll(held).toBeGreaterThan(MIB);
  expect(await held()).toBeLessThan(outputBytes + 2 * MIB);
  slow.socket.resume();
  for (let i = 0; i < 40; i++) expect(value.equals((await slow.reply()) as Buffer)).toBe(true);
  await expect.poll(held).toBe(0);
});

test("a client that is silent for too long is closed, others stay", async () => {
  const clock = new FakeClock();
  const front = await startFront({ limits: { idleMs: 60_000 } }, { clock });
  const [idle, busy] = [await front.client(), await front.client()];
  await idle.ask("PING");
  clock.advance(59_000);
  await busy.ask("PING");
  clock.advance(2000);
  await idle.ended();
  expect(await busy.ask("PING")).toBe("PONG");
});

test("a client that stops in the middle of a value is closed, and its memory freed", async () => {
  const clock = new FakeClock();
  const front = await startFront({ limits: { stallMs: 30_000 } }, { clock });
  const [stalled, silent] = [await front.client(), await front.client()];
  await silent.ask("PING");
  stalled.raw(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${MIB}\r\n`);
  stalled.raw(Buffer.alloc(MIB / 2));
  await expect.poll(() => front.ram.fillingBytes).toBeGreaterThan(MIB);
  clock.advance(31_000);
  await stalled.ended();
  await expect.poll(() => front.ram.fillingBytes).toBe(0);
  expect(await silent.ask("EXISTS", "k")).toBe(0);
});

test("closing lets a value under way arrive and be answered", async () => {
  const front = await startFront();
  const [writer, idle] = [await front.client(), await front.client()];
  await idle.ask("PING");
  writer.raw(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${MIB}\r\n`);
  writer.raw(Buffer.alloc(MIB / 2));
  await expect.poll(() => front.ram.fillingBytes).toBeGreaterThan(MIB);
  const closed = front.server.close(60_000);
  await idle.ended();
  await expect(front.client()).rejects.toThrow(/ECONNREFUSED/);
  writer.raw(Buffer.alloc(MIB / 2));
  writer.raw("\r\n");
  await writer.exact("+OK\r\n");
  await writer.ended();
  await closed;
  expect(front.ram.entries.count).toBe(1);
});

test("closing waits no longer than it was told for those who do not finish", async () => {
  const front = await startFront();
  const client = await front.client();
  client.raw(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${MIB}\r\n`);
  client.raw(Buffer.alloc(MIB / 2));
  await expect.poll(() => front.ram.fillingBytes).toBeGreaterThan(MIB);
  await front.server.close(0);
  await client.ended();
  await expect.poll(() => front.ram.fillingBytes).toBe(0);
});

// Addresses kept for documentation: no machine has them, so nothing is ever listened on.
const ELSEWHERE = "192.0.2.1";

test("without authentication only loopback is listened on", async () => {
  for (const host of ["0.0.0.0", "::", ELSEWHERE])
    await expect(startFront({ host })).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: `${host} can be reached from other machines, and no password is set`,
      remedy: expect.stringContaining("--requirepass"),
    });
  const allowed: Partial<RespServerOptions>[] = [
    { password: "secret" },
    { openDoor: true },
    { users: [{ name: "engine", password: "secret" }] },
  ];
  for (const options of allowed)
    await expect(startFront({ host: ELSEWHERE, ...options })).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: `cannot listen on ${ELSEWHERE}:0 (EADDRNOTAVAIL)`,
    });
});

test("a taken port is an error that names the flag", async () => {
  const { port } = (await startFront()).server.state;
  await expect(startFront({ port })).rejects.toMatchObject({
    code: "LISTEN_FAILED",
    message: `port ${port} on 127.0.0.1 is taken`,
    remedy: expect.stringContaining("--resp-port"),
  });
});
