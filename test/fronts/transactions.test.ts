import { expect, test } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { startFront } from "../support/front.ts";
import { ReplyError } from "../../src/wire/resp/reply.ts";
import type { RawClient } from "../support/raw-client.ts";

const MIB = 1024 ** 2;

async function start() {
  const clock = new FakeClock();
  const front = await startFront({}, { clock, capacityBytes: 32 * MIB });
  return { clock, front, client: await front.client(), other: await front.client() };
}

test("EXEC runs what MULTI queued and answers each command", async () => {
  const { client, other } = await start();
  expect(await client.ask("MULTI")).toBe("OK");
  expect(await client.ask("SET", "k", "v")).toBe("QUEUED");
  expect(await client.ask("GET", "k")).toBe("QUEUED");
  expect(await client.ask("RPUSH", "list", "a", "b")).toBe("QUEUED");
  expect(await client.ask("LRANGE", "list", 0, -1)).toBe("QUEUED");
  expect(await client.ask("LPUSH", "k", "x")).toBe("QUEUED");
  expect(await client.ask("PING")).toBe("QUEUED");
  expect(await other.ask("EXISTS", "k")).toBe(0);
  const wrongType = new ReplyError(
    "WRONGTYPE Operation against a key holding the wrong kind of value",
  );
  expect(await client.ask("EXEC")).toEqual(["OK", "v", 2, ["a", "b"], wrongType, "PONG"]);
  expect(await client.ask("GET", "k")).toBe("v");
});

test("an empty transaction answers an empty list", async () => {
  const { client } = await start();
  await client.ask("MULTI");
  expect(await client.ask("EXEC")).toEqual([]);
});

test("SELECT inside a transaction takes effect in it", async () => {
  const { client } = await start();
  await client.ask("MULTI");
  await client.ask("SELECT", 1);
  await client.ask("SET", "k", Buffer.alloc(100_000, "v"));
  expect(await client.ask("EXEC")).toEqual(["OK", "OK"]);
  expect(await client.ask("STRLEN", "k")).toBe(100_000);
  await client.ask("SELECT", 0);
  expect(await client.ask("EXISTS", "k")).toBe(0);
});

test("what does not belong there is refused", async () => {
  const { client } = await start();
  expect(await client.refusal("EXEC")).toBe("ERR EXEC without MULTI");
  expect(await client.refusal("DISCARD")).toBe("ERR DISCARD without MULTI");
  await client.ask("MULTI");
  expect(await client.refusal("MULTI")).toBe("ERR MULTI calls can not be nested");
  expect(await client.refusal("WATCH", "k")).toBe("ERR WATCH inside MULTI is not allowed");
  expect(await client.ask("SET", "k", "v")).toBe("QUEUED");
  expect(await client.ask("EXEC")).toEqual(["OK"]);
});

test("a command that could not be queued aborts the transaction", async () => {
  const { client } = await start();
  for (const wrong of [["NOPE"], ["GET"], ["EVAL", "return 1", "0"], ["MONITOR"]] as const) {
    await client.ask("MULTI");
    await client.ask("SET", "k", "v");
    await client.refusal(...wrong);
    expect(await client.ask("SET", "l", "v")).toBe("QUEUED");
    expect(await client.refusal("EXEC")).toMatch(/^EXECABORT /);
    expect(await client.ask("EXISTS", "k", "l")).toBe(0);
  }
});

type Change = (client: RawClient, clock: FakeClock) => unknown;
const changes: [what: string, key: string, change: Change][] = [
  ["is overwritten, even with the same", "block", (other) => other.ask("SET", "block", "v")],
  ["is deleted", "block", (other) => other.ask("DEL", "block")],
  ["expires", "mortal", (_other, clock) => clock.advance(1000)],
  ["gets an expiry", "block", (other) => other.ask("EXPIRE", "block", 100)],
  ["loses its expiry", "mortal", (other) => other.ask("PERSIST", "mortal")],
  ["is appended to", "block", (other) => other.ask("APPEND", "block", "x")],
  ["is renamed", "block", (other) => other.ask("RENAME", "block", "elsewhere")],
  ["comes to be", "none", (other) => other.ask("SET", "none", "v")],
  ["comes to be as a list", "none", (other) => other.ask("RPUSH", "none", "v")],
  ["is pushed to", "list", (other) => other.ask("RPUSH", "list", "x")],
  ["is a list that gets an expiry", "list", (other) => other.ask("EXPIRE", "list", 100)],
  ["is a list that becomes a block", "list", (other) => other.ask("SET", "list", "v")],
  ["is a list that expires", "mortal list", (_other, clock) => clock.advance(1000)],
  ["is a hash with a new field", "hash", (other) => other.ask("HSET", "hash", "g", "v")],
  ["is a hash that loses a field", "hash", (other) => other.ask("HDEL", "hash", "f")],
  ["is flushed away", "block", (other) => other.ask("FLUSHALL")],
];

test.each(changes)("WATCH: EXEC does nothing when the key %s", async (_what, key, change) => {
  const { clock, client, other, front } = await start();
  await client.ask("SET", "block", "v");
  await client.ask("SET", "mortal", "v", "PX", 1000);
  await client.ask("RPUSH", "list", "v");
  await client.ask("RPUSH", "mortal list", "v");
  await client.ask("PEXPIRE", "mortal list", 1000);
  await client.ask("HSET", "hash", "f", "v");
  expect(await client.ask("WATCH", "unchanged", key)).toBe("OK");
  await change(other, clock);
  await client.ask("MULTI");
  await client.ask("SET", "result", Buffer.alloc(100_000));
  expect(await client.ask("EXEC")).toBe(null);
  expect(await client.ask("EXISTS", "result")).toBe(0);
  expect(await front.leftReserved()).toBe(0);
});

test("WATCH: EXEC runs when nothing has changed, or all was forgotten", async () => {
  const { client, other } = await start();
  const succeeds = async (): Promise<void> => {
    await client.ask("MULTI");
    await client.ask("PING");
    expect(await client.ask("EXEC")).toEqual(["PONG"]);
  };
  await other.ask("SET", "k", "v");
  await client.ask("WATCH", "k", "none");
  await other.ask("GET", "k");
  await other.ask("EXISTS", "k", "none");
  await other.ask("SELECT", 1);
  await other.ask("SET", "k", "v");
  await other.ask("SELECT", 0);
  await succeeds();
  await client.ask("WATCH", "k");
  await other.ask("SET", "k", "w");
  await client.ask("UNWATCH");
  await succeeds();
  await client.ask("WATCH", "k");
  await other.ask("SET", "k", "w");
  await client.ask("MULTI");
  await client.ask("DISCARD");
  await succeeds();
});

test("big values are queued where they lie, and stored by EXEC", async () => {
  const { front, client } = await start();
  await client.ask("MULTI");
  for (let i = 0; i < 4; i++)
    expect(await client.ask("SET", `k${i}`, Buffer.alloc(MIB, i))).toBe("QUEUED");
  expect(await client.ask("MSET", "m", Buffer.alloc(MIB, 8), "n", Buffer.alloc(MIB, 9))).toBe(
    "QUEUED",
  );
  expect(await client.ask("GET", "m")).toBe("QUEUED");
  expect(front.ram.entries.count).toBe(0);
  expect(front.ram.fillingBytes).toBeGreaterThanOrEqual(6 * MIB);
  client.send("EXEC");
  const replies = (await client.reply()) as unknown[];
  expect(replies.slice(0, 5)).toEqual(["OK", "OK", "OK", "OK", "OK"]);
  expect(Buffer.alloc(MIB, 8).equals(replies[5] as Buffer)).toBe(true);
  for (let i = 0; i < 4; i++) {
    client.send("GET", `k${i}`);
    expect(Buffer.alloc(MIB, i).equals((await client.reply()) as Buffer)).toBe(true);
  }
  expect(await front.leftReserved()).toBe(0);
});

const endings: [how: string, end: (client: RawClient) => unknown][] = [
  ["DISCARD", (client) => client.ask("DISCARD")],
  ["RESET", (client) => client.ask("RESET")],
  ["an aborted EXEC", async (client) => [await client.refusal("NOPE"), await client.ask("EXEC")]],
  ["the end of the connection", () => {}],
  ["QUIT", (client) => client.ask("QUIT")],
];

test.each(endings)("%s gives the memory of queued values back", async (_how, end) => {
  const { front, client } = await start();
  await client.ask("MULTI");
  for (let i = 0; i < 3; i++) await client.ask("SET", `k${i}`, Buffer.alloc(MIB, i));
  expect(front.ram.fillingBytes).toBeGreaterThanOrEqual(3 * MIB);
  await end(client);
  expect(await front.leftReserved()).toBe(0);
  expect(front.ram.entries.count).toBe(0);
});

test("a transaction that takes too much memory is refused, and the connection goes on", async () => {
  const front = await startFront({ limits: { requestBytes: 100_000 } });
  const client = await front.client();
  await client.ask("MULTI");
  let refusal = "";
  for (let i = 0; i < 20 && refusal === ""; i++) {
    const reply = await client.ask("SET", `k${i}`, "x".repeat(10_000));
    if (reply instanceof ReplyError) refusal = reply.message;
  }
  expect(refusal).toBe("ERR the commands of one transaction take too much memory");
  expect(await client.refusal("EXEC")).toMatch(/^EXECABORT /);
  expect(await client.ask("DBSIZE")).toBe(0);
});

test("values beyond the room that a transaction can have are dropped, never waited for", async () => {
  const { front, client } = await start();
  await client.ask("MULTI");
  for (let i = 0; i < 24; i++)
    expect(await client.ask("SET", `k${i}`, Buffer.alloc(MIB, i))).toBe("QUEUED");
  expect(await client.ask("EXEC")).toEqual(Array.from({ length: 24 }, () => "OK"));
  const stored = await client.ask("DBSIZE");
  expect(stored).toBeGreaterThan(10);
  expect(front.server.state.valuesDropped).toBe(24 - Number(stored));
  expect(await front.leftReserved()).toBe(0);
});

test("WATCH inside RESP3 answers a failed EXEC with its null", async () => {
  const { client, other } = await start();
  await client.ask("HELLO", 3);
  await client.ask("WATCH", "k");
  await other.ask("SET", "k", "v");
  await client.ask("MULTI");
  await client.exact("_\r\n", "EXEC");
});
