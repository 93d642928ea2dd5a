import { expect, test } from "vitest";
import type { RespLimits } from "../../src/fronts/resp/options.ts";
import { pseudoRandomBytes } from "../support/bytes.ts";
import { FakeLowerTier } from "../support/fake-lower-tier.ts";
import { type Front, startFront } from "../support/front.ts";
import type { RawClient } from "../support/raw-client.ts";

const MIB = 1024 ** 2;

async function start(
  limits: Partial<RespLimits> = {},
): Promise<{ front: Front; lower: FakeLowerTier; client: RawClient }> {
  const lower = new FakeLowerTier();
  const front = await startFront({ limits }, { capacityBytes: 8 * MIB }, { lower });
  return { front, lower, client: await front.client() };
}

test("a big value waits while the tier below has no room, and goes there when it has", async () => {
  const { front, lower, client } = await start({ roomWaitMs: 60_000 });
  lower.full = true;
  const value = pseudoRandomBytes(100_000);
  client.send("SET", "k", value);
  await expect.poll(() => front.server.state.waiting.size).toBe(1);
  expect(front.ram.fillingBytes).toBe(0);
  const other = await front.client();
  expect(await other.ask("SET", "small", "value")).toBe("OK");
  lower.makeRoom();
  await client.exact("+OK\r\n");
  expect(lower.value("k")!.equals(value)).toBe(true);
  expect(lower.has("small")).toBe(false);
  expect(front.server.state.valuesDropped).toBe(0);
});

test("a value that waits in vain for room below is kept in RAM", async () => {
  const { front, lower, client } = await start({ roomWaitMs: 100 });
  lower.full = true;
  const value = pseudoRandomBytes(100_000);
  client.send("SET", "k", value);
  await client.exact("+OK\r\n");
  client.send("GET", "k");
  expect(((await client.reply()) as Buffer).equals(value)).toBe(true);
  expect(lower.has("k")).toBe(false);
  expect(front.server.state.valuesDropped).toBe(0);
});

test("values of one length, which land where they stay, wait as well", async () => {
  const { front, lower, client } = await start({ roomWaitMs: 60_000 });
  const values = Array.from({ length: 8 }, (_, seed) => pseudoRandomBytes(200_000, seed));
  for (const [index, value] of values.slice(0, 4).entries()) {
    client.send("SET", `k${index}`, value);
    await client.exact("+OK\r\n");
  }
  expect(front.server.state.landingBytes).toBeGreaterThan(0);
  lower.full = true;
  for (const [index, value] of values.slice(4).entries())
    client.send("SET", `k${index + 4}`, value);
  await expect.poll(() => front.server.state.waiting.size).toBe(1);
  lower.makeRoom();
  await client.exact("+OK\r\n".repeat(4));
  for (const [index, value] of values.entries()) {
    client.send("GET", `k${index}`);
    expect(((await client.reply()) as Buffer).equals(value)).toBe(true);
  }
  await client.exact("+PONG\r\n", "PING");
  expect(front.server.state.landingBytes).toBe(front.ram.fillingBytes);
});

test("a value that is dropped takes along what its key has below", async () => {
  const { front, lower, client } = await start({ roomWaitMs: 0 });
  lower.put("k", "old");
  const other = await front.client();
  other.raw(`*3\r\n$3\r\nSET\r\n$5\r\nother\r\n$${3 * MIB}\r\n`);
  await expect.poll(() => front.ram.fillingBytes).toBeGreaterThan(3 * MIB);
  client.send("SET", "k", Buffer.alloc(3 * MIB));
  await client.exact("+OK\r\n");
  expect(front.server.state.valuesDropped).toBe(1);
  expect(lower.has("k")).toBe(false);
  await client.exact("$-1\r\n", "GET", "k");
});
