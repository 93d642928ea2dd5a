import { expect, test } from "vitest";
import { pseudoRandomBytes } from "../support/bytes.ts";
import { FakeLowerTier } from "../support/fake-lower-tier.ts";
import { type Front, startFront } from "../support/front.ts";
import type { RawClient } from "../support/raw-client.ts";
import { ReplyError } from "../../src/wire/resp/reply.ts";
import type { RespLimits } from "../../src/fronts/resp/options.ts";

const LOST = /^ERR the value is in memory but could not be made durable: see KW\.STATS/;

async function start(
  limits: Partial<RespLimits> = {},
): Promise<{ front: Front; lower: FakeLowerTier; client: RawClient }> {
  const lower = new FakeLowerTier({ holdSettling: true });
  const front = await startFront({ durable: true, limits }, {}, { lower });
  return { front, lower, client: await front.client() };
}

/** The error that comes next. */
async function nextError(client: RawClient): Promise<string> {
  const reply = await client.reply();
  if (reply instanceof ReplyError) return reply.message;
  throw new Error("the reply is no error");
}

/** Whether the client has nothing to read although the server does other things meanwhile. */
async function expectSilence(front: Front, client: RawClient): Promise<void> {
  const other = await front.client();
  for (let turn = 0; turn < 3; turn++) expect(await other.ask("PING")).toBe("PONG");
  expect(client.socket.bytesRead).toBe(0);
}

test("a write is answered when it is durable; others go on meanwhile", async () => {
  const { front, lower, client } = await start();
  client.send("SET", "k", "value");
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  await expectSilence(front, client);
  const other = await front.client();
  expect(await other.ask("GET", "k")).toBe("value");
  lower.settle("durable");
  await client.exact("+OK\r\n");
  expect(front.server.state.awaiting.size).toBe(0);
});

test("the writes of one read are one group, and replies keep their order", async () => {
  const { front, lower, client } = await start();
  const value = pseudoRandomBytes(40_000);
  lower.put("big", value);
  client.send("PING");
  expect(await client.reply()).toBe("PONG");
  const pipeline = ["GET none", "SET a 1", "GET a", "INCR a", "DEL a none", "PING", "GETDEL big"];
  client.raw(`${pipeline.join("\r\n")}\r\n`);
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  client.send("GET", "a");
  lower.settle("durable");
  await client.exact("$-1\r\n+OK\r\n$1\r\n1\r\n");
  expect(await nextError(client)).toMatch(/unknown command 'INCR'/);
  await client.exact(":1\r\n+PONG\r\n");
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  lower.settle("durable");
  expect(((await client.reply()) as Buffer).equals(value)).toBe(true);
  expect(await client.reply()).toBeNull();
  expect(front.server.state.awaiting.size).toBe(0);
  expect(await front.leftReserved()).toBe(0);
});

test("writes that could not be made durable are errors, their neighbours are not", async () => {
  const { front, lower, client } = await start();
  const value = pseudoRandomBytes(40_000);
  client.send("SET", "big", value);
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  lower.settle("durable");
  await client.exact("+OK\r\n");
  client.raw("GET big\r\nGETSET big new\r\nSET k v\r\nGET big\r\nPING\r\n");
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  lower.settle("lost");
  const framed = Buffer.concat([Buffer.from("$40000\r\n"), value, Buffer.from("\r\n")]);
  expect((await client.bytes(framed.length)).equals(framed)).toBe(true);
  for (let count = 0; count < 2; count++) expect(await nextError(client)).toMatch(LOST);
  await client.exact("$3\r\nnew\r\n+PONG\r\n");
  expect(front.ram.slots.count).toBe(front.ram.entries.count);
});

test("EXEC with a write in it is answered as one", async () => {
  const { lower, client } = await start();
  for (const words of [["MULTI"], ["GET", "k"], ["SET", "k", "v"]]) await client.ask(...words);
  client.send("EXEC");
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  lower.settle("lost");
  expect(await nextError(client)).toMatch(LOST);
  for (const words of [["MULTI"], ["GET", "k"], ["GET", "k"]]) await client.ask(...words);
  await client.exact("*2\r\n$1\r\nv\r\n$1\r\nv\r\n", "EXEC");
});

test("big values in a pipeline keep their bytes, whatever waits in between", async () => {
  const { front, lower, client } = await start();
  const values = [1, 2, 3, 4, 5].map((seed) => pseudoRandomBytes(400_000, seed));
  const timer = setInterval(() => lower.settle("durable"), 1);
  for (const [index, value] of values.entries()) client.send("SET", `k${index}`, value);
  for (const index of values.keys()) client.send("GET", `k${index}`);
  for (const _ of values) expect(await client.reply()).toBe("OK");
  for (const value of values) expect(((await client.reply()) as Buffer).equals(value)).toBe(true);
  clearInterval(timer);
  for (const [index, value] of values.entries())
    expect(lower.value(`k${index}`)!.equals(value)).toBe(true);
  expect(await front.leftReserved()).toBe(0);
});

test("a client that says QUIT right after a write hears of both", async () => {
  const { lower, client } = await start();
  client.raw("SET k v\r\nQUIT\r\n");
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  lower.settle("durable");
  await client.exact("+OK\r\n+OK\r\n");
  await client.ended();
});

test("a disk that hangs costs a client an error, not the connection", async () => {
  const { front, lower, client } = await start({ stallMs: 100, idleMs: 50 });
  client.send("SET", "k", "v");
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  expect(await nextError(client)).toMatch(LOST);
  lower.settle("durable");
  await client.exact("$1\r\nv\r\n", "GET", "k");
  expect(front.server.state.awaiting.size).toBe(0);
});

test("a client that goes away while its writes are made durable leaves nothing behind", async () => {
  const { front, lower, client } = await start();
  client.raw("SET k v\r\nPING\r\n");
  await expect.poll(() => lower.settlingWaiting).toBe(1);
  const [session] = front.server.state.sessions.values();
  session.connection.destroy();
  await client.ended();
  await expect.poll(() => front.server.state.sessions.size).toBe(0);
  lower.settle("durable");
  expect(front.server.state.awaiting.size).toBe(0);
  const other = await front.client();
  await other.exact("$1\r\nv\r\n", "GET", "k");
});
