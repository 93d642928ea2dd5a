import { describe, expect, test } from "vitest";
import { Front } from "./support/front.ts";
import { MIB, type Peer, encode, pattern, setHeader } from "./support/peer.ts";

// Clients go away at every bad moment: what they held is free at once, and nothing adds up.

const ROUNDS = 200;
const value = pattern(100_000, 3);
const set = encode("SET", "half", value);

interface Moment {
  readonly name: string;
  /** Brings the peer to the moment at which it goes. */
  readonly reach: (peer: Peer, front: Front) => Promise<void>;
}

const moments: readonly Moment[] = [
  {
    name: "in the middle of a header",
    reach: (peer) => peer.deliver("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000"),
  },
  {
    name: "in the middle of a key",
    reach: (peer) => peer.deliver("*2\r\n$3\r\nGET\r\n$900\r\nabc"),
  },
  {
    name: "in the middle of a value",
    reach: async (peer, front) => {
      await peer.deliver(set.subarray(0, 50_000));
      await expect
        .poll(() => front.ram.fillingBytes, { interval: 1 })
        .toBeGreaterThan(value.length);
    },
  },
  {
    name: "in the middle of the second value of an MSET",
    reach: async (peer, front) => {
      await peer.deliver(encode("MSET", "half", value, "whole", value).subarray(0, 150_000));
      await expect
        .poll(() => front.ram.fillingBytes, { interval: 1 })
        .toBeGreaterThan(2 * value.length);
    },
  },
  {
    name: "while a value is read in place",
    reach: async (peer, front) => {
      for (let count = 0; count < 3; count++) {
        await peer.deliver(encode("SET", "whole", value));
        await peer.take(5);
      }
      expect(front.server.state.landingBytes).toBeGreaterThan(0);
      await peer.deliver(set.subarray(0, 70_000));
    },
  },
  {
    name: "with memory ready for a value that never begins",
    reach: async (peer, front) => {
      for (let count = 0; count < 3; count++) {
        await peer.deliver(encode("SET", "whole", value));
        await peer.take(5);
      }
      expect(front.ram.fillingBytes).toBeGreaterThan(0);
    },
  },
  {
    name: "with values queued in MULTI",
    reach: async (peer, front) => {
      await peer.deliver(Buffer.concat([encode("MULTI"), set, set, set]));
      await peer.take("+OK\r\n".length + 3 * "+QUEUED\r\n".length);
      expect(front.ram.fillingBytes).toBeGreaterThan(3 * value.length);
    },
  },
  {
    name: "in the middle of a value in MULTI",
    reach: async (peer, front) => {
      await peer.deliver(Buffer.concat([encode("MULTI"), set, set.subarray(0, 50_000)]));
      await peer.take("+OK\r\n".length + "+QUEUED\r\n".length);
      await expect
        .poll(() => front.ram.fillingBytes, { interval: 1 })
        .toBeGreaterThan(2 * value.length);
    },
  },
];

describe.each(["close", "reset"])("a client that goes away (%s)", (manner) => {
  test.each(moments)("$name", async ({ reach }) => {
    await using front = await Front.start();
    await front.bystander.check();
    const { state } = front.server;
    const filling = front.ram.fillingBytes;
    const used = front.ram.usedBytes;
    for (let round = 0; round < ROUNDS; round++) {
      const peer = front.connect();
      await reach(peer, front);
      if (manner === "reset") peer.socket.resetAndDestroy();
      else peer.destroy();
      await expect.poll(() => state.sessions.size, { interval: 1, timeout: 5000 }).toBe(1);
      expect(front.ram.fillingBytes).toBe(filling);
    }
    // The values that came whole before the client went, and no more.
    expect(front.ram.usedBytes - used).toBeLessThan(256 * 1024);
    expect(front.ram.find(Buffer.from("half"), 0, 4, 0)).toBe(0);
    await front.bystander.check();
    await front.expectNothingLeft();
  });
});

test("a client that goes away in the middle of a reply of 16 MiB", async () => {
  await using front = await Front.start();
  await front.bystander.check();
  const writer = front.connect();
  writer.send("SET", "large", pattern(16 * MIB, 9));
  await writer.take(5);
  for (let round = 0; round < 20; round++) {
    const peer = front.connect();
    peer.send("GET", "large");
    peer.socket.once("data", () => peer.destroy());
    await expect.poll(() => peer.closed, { interval: 1 }).toBe(true);
  }
  // Replaced and deleted while replies of it were under way: its memory must come back.
  writer.send("DEL", "large");
  await writer.take(4);
  await expect.poll(() => front.server.state.sessions.size).toBe(2);
  expect(front.ram.usedBytes).toBeLessThan(8 * MIB);
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("clients that go away while their values wait for memory are noticed when the wait is over", async () => {
  await using front = await Front.start({ limits: { roomWaitMs: 300 }, capacityBytes: 16 * MIB });
  const holder = front.connect();
  await holder.deliver(setHeader("held", 6 * MIB));
  await expect.poll(() => front.ram.fillingBytes).toBeGreaterThan(6 * MIB);
  const { state } = front.server;
  const peers = Array.from({ length: 20 }, () => front.connect());
  for (const peer of peers) await peer.deliver(setHeader("waits", 6 * MIB));
  await expect.poll(() => state.waiting.size, { interval: 1 }).toBe(peers.length);
  for (const peer of peers) peer.socket.resetAndDestroy();
  await front.bystander.check();
  await expect.poll(() => state.waiting.size, { timeout: 5000 }).toBe(0);
  await expect.poll(() => state.sessions.size, { timeout: 5000 }).toBe(2);
  await holder.deliver(Buffer.concat([pattern(6 * MIB, 1), Buffer.from("\r\n")]));
  expect((await holder.take(5)).toString()).toBe("+OK\r\n");
  await front.bystander.check();
  await front.expectNothingLeft();
});
